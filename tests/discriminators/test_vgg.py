import pytest
import torch
import torch.nn as nn

from sr.discriminators import VGGDiscriminator


def small(**options) -> VGGDiscriminator:
    torch.manual_seed(0)
    return VGGDiscriminator(**({"width": 2, "grid": 2, "dense": 4} | options))


@pytest.fixture(scope="module")
def published() -> VGGDiscriminator:
    with torch.device("meta"):
        return VGGDiscriminator()


def test_layers_of_figure_4(published):
    convs = [module for module in published.features if isinstance(module, nn.Conv2d)]
    assert [conv.out_channels for conv in convs] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [conv.stride[0] for conv in convs] == [1, 2, 1, 2, 1, 2, 1, 2]
    assert {conv.kernel_size for conv in convs} == {(3, 3)}
    norms = [module.num_features for module in published.features if isinstance(module, nn.BatchNorm2d)]
    assert norms == [64, 128, 128, 256, 256, 512, 512]
    assert {m.negative_slope for m in published.modules() if isinstance(m, nn.LeakyReLU)} == {0.2}
    dense = [module for module in published.classifier if isinstance(module, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in dense] == [(512 * 6 * 6, 1024), (1024, 1)]


def test_crops_of_96_pixels_meet_the_dense_layer_as_published(published):
    """The features have the grid's size already, so averaging to the grid changes nothing."""
    with torch.device("meta"):
        assert published.features(torch.empty(1, 3, 96, 96)).shape == (1, 512, 6, 6)
    features = torch.rand(1, 512, 6, 6)
    assert torch.equal(nn.AdaptiveAvgPool2d(6)(features), features)


@pytest.mark.parametrize("crop_px", [16, 17, 31, 64, 96])
@pytest.mark.parametrize("channels", [1, 3, 4, 13])
def test_one_logit_for_any_crop(crop_px, channels):
    assert small(channels=channels)(torch.rand(2, channels, crop_px, crop_px + 3)).shape == (2, 1)


@pytest.mark.parametrize("norm", [True, False])
def test_gradient_reaches_every_parameter_and_the_image(norm):
    discriminator = small(norm=norm)
    image = torch.rand(4, 3, 32, 32, requires_grad=True)
    discriminator(image).square().sum().backward()
    assert image.grad.abs().sum() > 0
    for name, parameter in discriminator.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_logits_are_not_squashed():
    discriminator = small()
    nn.init.constant_(discriminator.classifier[-1].bias, 5.0)
    assert discriminator(torch.rand(2, 3, 16, 16)).mean() > 2
