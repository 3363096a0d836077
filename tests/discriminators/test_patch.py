import pytest
import torch
import torch.nn.functional as F

from sr.discriminators import PatchDiscriminator
from sr.errors import UserError

QUICK = {"width": 24, "growth": [1, 2, 4, 4], "strides": [1, 2, 2, 1], "kernel": 3}


def test_parameters_are_those_of_the_70x70_patchgan():
    """Pix2pix's network with biases and without batch norm: 16 (3 64 + 64 128 + 128 256 + 256 512 + 512) and 961."""
    with torch.device("meta"):
        discriminator = PatchDiscriminator()
    assert sum(parameter.numel() for parameter in discriminator.parameters()) == 2_764_737


@pytest.mark.parametrize(("options", "seen_px"), [({"width": 2}, 70), (QUICK | {"width": 2}, 25)])
def test_what_a_logit_sees(options, seen_px):
    torch.manual_seed(0)
    image = torch.rand(1, 3, 128, 128, requires_grad=True)
    logits = PatchDiscriminator(**options).double()(image.double())
    middle = logits.shape[-1] // 2
    (gradient,) = torch.autograd.grad(logits[0, 0, middle, middle], image)
    rows = gradient.abs().sum((0, 1, 3)).nonzero().flatten()
    assert rows.max() - rows.min() + 1 == seen_px


def test_kernels_of_one_pixel_take_every_second_pixel():
    torch.manual_seed(0)
    discriminator = PatchDiscriminator(width=2, kernel=1).eval()
    image = torch.rand(1, 3, 65, 64)
    assert torch.equal(
        discriminator(image), discriminator(F.interpolate(image[..., ::8, ::8], scale_factor=8)[..., :65, :])
    )
    assert discriminator(image).shape == (1, 1, 9, 8)


def test_sizes():
    image = torch.rand(1, 3, 64, 64)
    assert PatchDiscriminator(width=2)(image).shape == (1, 1, 6, 6)
    assert PatchDiscriminator(**QUICK)(image).shape == (1, 1, 16, 16)


@pytest.mark.parametrize("options", [{}, {"scales": 2}, {"scales": 3}, QUICK, QUICK | {"scales": 3}])
def test_the_smallest_image_is_said_and_smaller_ones_are_refused(options):
    discriminator = PatchDiscriminator(**({"width": 2} | options))
    least = discriminator.least_px
    for logits in discriminator(torch.rand(1, 3, least, least)) if "scales" in options else ():
        assert logits.numel() >= 1
    with pytest.raises(UserError, match=rf"patch .* at least {least} pixels"):
        discriminator(torch.rand(1, 3, 64, least - 1))


def test_scales_are_networks_of_their_own_on_halvings():
    torch.manual_seed(0)
    discriminator = PatchDiscriminator(width=2, scales=2).eval()
    image = torch.rand(1, 3, 64, 64)
    fine, coarse = discriminator(image)
    assert torch.equal(fine, discriminator.nets[0](image))
    padded = F.pad(image, (1, 1, 1, 1))
    counts = F.avg_pool2d(F.pad(torch.ones_like(image), (1, 1, 1, 1)), 3, 2)
    assert torch.allclose(coarse, discriminator.nets[1](F.avg_pool2d(padded, 3, 2) / counts), atol=1e-6)
    assert len(discriminator(image, features=True)[1]) == 8
