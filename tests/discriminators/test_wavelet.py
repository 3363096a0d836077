from functools import partial

import pytest
import pywt
import torch

from sr.discriminators import PatchDiscriminator, VGGDiscriminator, WaveletDiscriminator
from sr.errors import UserError

SMALL = partial(PatchDiscriminator, width=2)


def test_the_inner_network_sees_the_high_bands_of_y_alone():
    image = torch.rand(2, 3, 32, 32)
    discriminator = WaveletDiscriminator(SMALL).eval()
    y = 16 + (image * torch.tensor([65.481, 128.553, 24.966]).view(3, 1, 1)).sum(1)  # as published, 16 to 235
    _, (lh, hl, hh) = pywt.swt2(y.double().numpy(), "sym7", 1, axes=(1, 2))[0]
    bands = torch.stack([torch.from_numpy(lh) / 2**0.5, torch.from_numpy(hl) / 2**0.5, torch.from_numpy(hh)], dim=1)
    assert torch.allclose(discriminator(image), discriminator.inner(bands.float()), rtol=1e-3, atol=1e-4)


def test_brightness_is_not_its_business():
    image = torch.rand(1, 3, 32, 32)
    discriminator = WaveletDiscriminator(SMALL, gain=1.0).eval()
    assert torch.allclose(discriminator(image), discriminator(image + 0.2), atol=1e-5)


@pytest.mark.parametrize(("channels", "seen"), [(1, 3), (3, 3), (4, 12), (13, 39)])
def test_any_number_of_channels_and_any_inner_network(channels, seen):
    discriminator = WaveletDiscriminator(partial(VGGDiscriminator, width=2, grid=2, dense=4), channels)
    assert discriminator.inner.features[0].in_channels == seen
    assert discriminator(torch.rand(2, channels, 32, 32)).shape == (2, 1)


def test_images_too_small_are_refused():
    with pytest.raises(UserError, match="at least 24 pixels"):
        WaveletDiscriminator(SMALL)(torch.rand(1, 3, 23, 32))
    with pytest.raises(UserError, match="at least 7 pixels"):
        WaveletDiscriminator(VGGDiscriminator)(torch.rand(1, 3, 6, 32))
