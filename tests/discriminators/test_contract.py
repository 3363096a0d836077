"""What holds for every discriminator: D(image, hr=None, features=False)."""

import pytest
import torch

from sr import discriminators
from sr.discriminators import VGGDiscriminator

SMALL = {"VGGDiscriminator": lambda: VGGDiscriminator(width=2, grid=2, dense=4)}


@pytest.fixture(params=discriminators.__all__)
def discriminator(request):
    torch.manual_seed(0)
    return SMALL[request.param]()


def images() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, 3, 64, 64, generator=generator), torch.rand(2, 3, 64, 64, generator=generator)


def listed(logits: torch.Tensor | list[torch.Tensor]) -> list[torch.Tensor]:
    return logits if isinstance(logits, list) else [logits]


def test_logits_are_one_for_an_image_or_one_for_each_place(discriminator):
    image, hr = images()
    for logits in listed(discriminator(image, hr)):
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
