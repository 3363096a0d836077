import pytest
import torch

from sr.backbones import vgg16
from sr.losses import Perceptual
from sr.losses.perceptual import gram

LAYERS = {"relu1_2": 0.5, "conv2_1": 2.0}


@pytest.fixture(scope="module")
def backbone():
    return vgg16()


@pytest.mark.parametrize("distance", ["l1", "l2"])
def test_zero_at_identity_and_positive_elsewhere(backbone, distance, sr, hr):
    loss = Perceptual(backbone, LAYERS, distance)
    assert loss(hr, hr) == 0
    assert loss(sr, hr) > 0


@pytest.mark.parametrize(("distance", "power"), [("l1", 1), ("l2", 2)])
def test_weighted_sum_of_distances_between_features(backbone, distance, power, sr, hr):
    fake, real = backbone(sr, list(LAYERS)), backbone(hr, list(LAYERS))
    expected = sum(weight * (fake[n] - real[n]).abs().pow(power).mean() for n, weight in LAYERS.items())
    assert torch.allclose(Perceptual(backbone, LAYERS, distance)(sr, hr), expected)


STYLE = {"relu1_1": 3.0, "conv2_1": 0.5}


@pytest.mark.parametrize(("distance", "power"), [("l1", 1), ("l2", 2)])
def test_style_is_the_distance_between_correlations(backbone, distance, power, sr, hr):
    fake, real = backbone(sr, list(STYLE)), backbone(hr, list(STYLE))

    def correlations(features):
        _, c, h, w = features.shape
        return torch.einsum("nahw,nbhw->nab", features.double(), features.double()) / (c * h * w)

    expected = sum(
        weight * (correlations(fake[n]) - correlations(real[n])).abs().pow(power).mean() for n, weight in STYLE.items()
    )
    found = Perceptual(backbone, distance=distance, style=STYLE)(sr, hr)
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)
    both = Perceptual(backbone, LAYERS, distance, style=STYLE)(sr, hr)
    assert both.item() == pytest.approx((found + Perceptual(backbone, LAYERS, distance)(sr, hr)).item(), rel=1e-5)


def test_gram_of_two_channels_by_hand():
    """Channels (1, 2) and (3, 0): products 5, 3, 9, over C H W = 4."""
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 0.0]]]])
    assert torch.equal(gram(features), torch.tensor([[[5.0, 3.0], [3.0, 9.0]]]) / 4)


def test_places_do_not_matter_to_style(backbone, hr):
    style, places = Perceptual(backbone, style={"conv1_1": 1.0}), Perceptual(backbone, {"conv1_1": 1.0})
    flipped = hr.flip(-2, -1)
    assert style(hr.roll(32, -1), hr) < 0.05 * style(hr * 0.5, hr)
    assert places(flipped, hr) > 0.1
    assert style(hr, hr) == 0


def test_each_image_is_seen_once_and_the_original_without_a_graph(backbone, sr, hr):
    loss, seen = Perceptual(backbone, LAYERS, style=STYLE), []
    hook = backbone.register_forward_hook(lambda _, args, found: seen.append(found))
    loss(sr.clone().requires_grad_(), hr.clone().requires_grad_()).backward()
    hook.remove()
    assert [any(features.requires_grad for features in found.values()) for found in seen] == [False, True]
    assert [sorted(found) for found in seen] == [sorted(LAYERS | STYLE)] * 2


def test_correlations_are_summed_in_full_precision_under_autocast(backbone, sr, hr):
    with torch.autocast("cpu", torch.bfloat16):
        fake = gram(backbone(sr, ["relu2_1"])["relu2_1"])
    assert fake.dtype == torch.float32
    loss = Perceptual(backbone, LAYERS, style=STYLE)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(sr, hr)
    assert found.item() == pytest.approx(loss(sr, hr).item(), rel=0.05)


def test_gradient_reaches_sr_alone(backbone, sr, hr):
    sr, hr = sr.clone().requires_grad_(), hr.clone().requires_grad_()
    Perceptual(backbone, LAYERS)(sr, hr).backward()
    assert sr.grad.abs().sum() > 0
    assert hr.grad is None


def test_a_step_against_the_gradient_comes_closer(backbone, sr, hr):
    image = sr.clone().requires_grad_()
    loss = Perceptual(backbone, LAYERS)
    loss(image, hr).backward()
    assert loss(sr - 0.01 * image.grad / image.grad.abs().max(), hr) < loss(sr, hr)


def test_feature_scale_acts_squared_on_l2(backbone, sr, hr):
    plain, scaled = (Perceptual(backbone, LAYERS, "l2", feature_scale=scale)(sr, hr) for scale in (1, 1 / 12.75))
    assert torch.allclose(scaled, plain / 12.75**2)


@pytest.mark.parametrize(("distance", "power"), [("l1", 2), ("l2", 4)])
def test_feature_scale_acts_squared_on_correlations(backbone, distance, power, sr, hr):
    plain, scaled = (Perceptual(backbone, None, distance, scale, style=STYLE)(sr, hr) for scale in (1, 1 / 2))
    assert scaled.item() == pytest.approx(plain.item() / 2**power, rel=1e-5)


def test_gray_looks_like_its_rgb(backbone, sr, hr):
    loss = Perceptual(backbone, LAYERS)
    gray_sr, gray_hr = sr.mean(1, keepdim=True), hr.mean(1, keepdim=True)
    expected = loss(gray_sr.expand(-1, 3, -1, -1), gray_hr.expand(-1, 3, -1, -1))
    assert torch.allclose(loss(gray_sr, gray_hr), expected)


def test_many_bands_are_seen_through_three_of_them(backbone, sr, hr):
    many_sr, many_hr = (torch.cat([torch.rand_like(image), image.flip(1)], 1) for image in (sr, hr))
    assert torch.allclose(Perceptual(backbone, LAYERS, bands=[5, 4, 3])(many_sr, many_hr),
                          Perceptual(backbone, LAYERS)(sr, hr))  # fmt: skip
    with pytest.raises(ValueError, match=r"6 channels .* bands="):
        Perceptual(backbone, LAYERS)(many_sr, many_hr)


@pytest.mark.parametrize("layers", [{"relu9_1": 1.0}, {"relu1_2": 1.0, "": 1.0}, {}])
def test_unknown_layers_are_refused(backbone, layers):
    with pytest.raises(ValueError, match="relu5_3"):
        Perceptual(backbone, layers)


def test_neither_layers_nor_style_and_unknown_styles_are_refused(backbone):
    with pytest.raises(ValueError, match="relu5_3"):
        Perceptual(backbone)
    with pytest.raises(ValueError, match=r"\['relu9_1'\]"):
        Perceptual(backbone, style={"relu9_1": 1.0})


def test_the_pretrained_network_is_no_part_of_a_checkpoint(backbone):
    loss = Perceptual(backbone, LAYERS)
    assert not loss.state_dict()
    assert not list(loss.parameters())
