"""What holds for every discriminator: D(image, hr=None, features=False)."""

from copy import deepcopy
from functools import partial

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel

from sr import discriminators
from sr.backbones import efficientnet_lite
from sr.discriminators import (
    PatchDiscriminator,
    SemanticDiscriminator,
    UNetDiscriminator,
    VGGDiscriminator,
    WaveletDiscriminator,
)


def semantic(channels: int = 3) -> SemanticDiscriminator:
    bands = None if channels in (1, 3) else [2, 1, 0]
    return SemanticDiscriminator(efficientnet_lite(deepest="stage5"), channels=channels, width=8, bands=bands)


SMALL = {
    "PatchDiscriminator": lambda **options: PatchDiscriminator(width=2, scales=2, **options),
    "SemanticDiscriminator": semantic,
    "UNetDiscriminator": lambda **options: UNetDiscriminator(width=4, **options),
    "VGGDiscriminator": lambda **options: VGGDiscriminator(width=2, grid=2, dense=4, **options),
    "WaveletDiscriminator": lambda **options: WaveletDiscriminator(partial(PatchDiscriminator, width=2), **options),
}


@pytest.fixture(params=discriminators.__all__)
def make(request):
    torch.manual_seed(0)
    return SMALL[request.param]


@pytest.fixture
def discriminator(make):
    return make()


def images(channels: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    image, hr = torch.rand(2, 2, channels, 64, 64, generator=generator)
    return image, hr


def listed(logits: torch.Tensor | list[torch.Tensor]) -> list[torch.Tensor]:
    return logits if isinstance(logits, list) else [logits]


def mean(logits: torch.Tensor | list[torch.Tensor]) -> torch.Tensor:
    return torch.stack([each.mean() for each in listed(logits)]).mean()


@pytest.mark.parametrize("channels", [1, 3, 4, 13])
def test_logits_are_one_for_an_image_or_one_for_each_place(make, channels):
    image, hr = images(channels)
    for logits in listed(make(channels=channels)(image, hr)):
        assert logits.shape[:2] == (2, 1)
        assert logits.ndim in (2, 4)


def test_features_are_asked_for_with_a_flag(discriminator):
    discriminator.eval()
    image, hr = images()
    logits, features = discriminator(image, hr=hr, features=True)
    for given, plain in zip(listed(logits), listed(discriminator(image, hr)), strict=True):
        assert torch.equal(given, plain)
    assert isinstance(features, list)
    assert len(features) >= 3
    for feature in features:
        assert len(feature) == 2
        assert feature.ndim == 4


def test_feature_matching_reaches_the_image(discriminator):
    image, hr = images()
    image.requires_grad_()
    for feature in discriminator(image, hr, features=True)[1]:
        (gradient,) = torch.autograd.grad(feature.square().sum(), image, retain_graph=True)
        assert gradient.abs().sum() > 0


def test_gradient_reaches_every_parameter_and_the_image(discriminator):
    image, hr = images()
    image.requires_grad_()
    sum(logits.square().sum() for logits in listed(discriminator(image, hr))).backward()
    assert image.grad.abs().sum() > 0
    for name, parameter in discriminator.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_it_learns_what_is_real_and_its_gradient_points_there(discriminator):
    fake, real = images()
    real, fake = F.avg_pool2d(real, 5, 1, 2), 0.6 * fake  # smooth and bright, rough and dark
    optimizer = torch.optim.Adam(discriminator.parameters(), 5e-4)
    for _ in range(60):
        optimizer.zero_grad()
        (F.softplus(-mean(discriminator(real, real))) + F.softplus(mean(discriminator(fake, real)))).backward()
        optimizer.step()
    discriminator.eval()
    assert mean(discriminator(real, real)) > mean(discriminator(fake, real)) + 1
    fake.requires_grad_()
    before = mean(discriminator(fake, real))
    (gradient,) = torch.autograd.grad(before, fake)
    assert mean(discriminator(fake + 0.1 * gradient / gradient.norm(), real)) > before


def test_a_penalty_on_the_gradient_of_real_images_trains_it(discriminator):
    _, real = images()
    real.requires_grad_()
    (gradient,) = torch.autograd.grad(mean(discriminator(real, real)), real, create_graph=True)
    gradient.square().sum().backward()
    assert sum(p.grad.abs().sum() for p in discriminator.parameters() if p.grad is not None) > 0


def test_it_can_be_copied_and_saved_after_it_was_called(make):
    image, hr = images()
    discriminator, fresh = make(), make()
    mean(discriminator(image, hr)).backward()
    fresh.load_state_dict(discriminator.state_dict())
    expected = listed(discriminator.eval()(image, hr))
    for other in (deepcopy(discriminator), fresh.eval()):
        for logits, wanted in zip(listed(other(image, hr)), expected, strict=True):
            assert torch.equal(logits, wanted)


def test_it_is_the_same_in_another_memory_format_and_nearly_so_in_bf16(discriminator):
    discriminator.eval()
    image, hr = images()
    expected = listed(discriminator(image, hr))
    with torch.autocast("cpu", torch.bfloat16):
        half = listed(discriminator(image, hr))
    discriminator.to(memory_format=torch.channels_last)
    last = listed(discriminator(*(each.contiguous(memory_format=torch.channels_last) for each in (image, hr))))
    for logits, short, wanted in zip(last, half, expected, strict=True):
        assert torch.allclose(logits, wanted, atol=1e-5)
        assert torch.allclose(short.float(), wanted, atol=0.05)


@pytest.fixture
def process_group(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("process_group")
def test_two_calls_before_one_backward_are_safe_under_ddp(discriminator):
    image, hr = images()
    wrapped = DistributedDataParallel(discriminator)
    real, features = wrapped(hr, hr=hr, features=True)
    loss = mean(real) - mean(wrapped(image, hr)) + sum(feature.mean() for feature in features)
    loss.backward()
    assert all(parameter.grad is not None for parameter in discriminator.parameters())
