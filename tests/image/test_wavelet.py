import numpy as np
import pytest
import pywt
import torch

from sr.errors import UserError
from sr.image.wavelet import BANDS, LOW_PASS, luma_bands, swt


@pytest.mark.parametrize("wavelet", sorted(LOW_PASS))
@pytest.mark.parametrize("levels", [1, 2])
def test_it_equals_pywavelets(wavelet, levels):
    image = torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    reference = pywt.swt2(image.numpy(), wavelet, levels, axes=(2, 3))[::-1]  # the finest first
    for found, (low, details) in zip(swt(image, wavelet, levels), reference, strict=True):
        expected = np.stack([low, *details], axis=2)
        assert np.allclose(found.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("wavelet", sorted(LOW_PASS))
def test_filters_are_those_of_pywavelets_and_orthonormal(wavelet):
    low = np.array(LOW_PASS[wavelet])
    assert np.allclose(low, pywt.Wavelet(wavelet).dec_lo, atol=1e-15)
    for shift in range(0, len(low), 2):
        assert low[: len(low) - shift] @ low[shift:] == pytest.approx(float(shift == 0), abs=1e-9)


def test_haar_by_hand():
    image = torch.tensor([[1.0, 2], [4, 8]]).view(1, 1, 2, 2)
    found = swt(image, "haar")[0][0, 0, :, 0, 0]
    assert found.tolist() == pytest.approx([15 / 2, (3 - 12) / 2, (5 - 10) / 2, (1 - 2 - 4 + 8) / 2])


def test_bands_say_which_edges_they_have():
    """A horizontal edge is high along the height: LH."""
    edge = torch.zeros(1, 1, 32, 32)
    edge[..., 16:, :] = 1
    energy = dict(zip(BANDS, swt(edge, "sym7")[0][0, 0].square().sum((1, 2)).tolist(), strict=True))
    assert energy["LH"] > 1
    assert max(energy["HL"], energy["HH"]) < 1e-6


def test_moving_the_image_moves_the_bands():
    image = torch.rand(1, 1, 20, 20)
    moved = swt(image.roll((3, 5), (2, 3)), "sym7")[0]
    assert torch.allclose(moved, swt(image, "sym7")[0].roll((3, 5), (3, 4)), atol=1e-6)


def test_energy_is_kept_four_times_over():
    image = torch.rand(1, 2, 24, 24, dtype=torch.float64)
    assert swt(image, "sym7")[0].square().sum().item() == pytest.approx(4 * image.square().sum().item())


def test_luma_bands_are_of_y_with_means_for_low_pass():
    rgb = torch.tensor([0.2, 0.4, 0.6]).view(1, 3, 1, 1).expand(1, 3, 16, 16)
    bands = luma_bands(rgb, "sym7")
    assert bands.shape == (1, 1, 4, 16, 16)
    y = (16 + 65.481 * 0.2 + 128.553 * 0.4 + 24.966 * 0.6) / 255
    assert torch.allclose(bands[:, :, 0], torch.tensor(y), atol=1e-6)
    assert bands[:, :, 1:].abs().max() < 1e-6
    noise = torch.rand(1, 4, 16, 16)
    expected = swt(noise, "haar")[0] * torch.tensor([0.5, 0.5**0.5, 0.5**0.5, 1]).view(4, 1, 1)
    assert torch.allclose(luma_bands(noise, "haar"), expected)


def test_it_is_in_full_precision_under_autocast():
    image = torch.rand(1, 3, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        found = luma_bands(image, "sym7")
    assert torch.equal(found, luma_bands(image, "sym7"))


def test_mistakes_are_told():
    with pytest.raises(UserError, match=r"wavelet=db1: choose one of \['haar', 'sym7'\]"):
        swt(torch.rand(1, 1, 16, 16), "db1")
    with pytest.raises(UserError, match="2 levels of sym7 need at least 14 pixels a side, got 13x16"):
        swt(torch.rand(1, 1, 13, 16), "sym7", 2)
    assert swt(torch.rand(1, 1, 7, 7), "sym7")[0].shape == (1, 1, 4, 7, 7)
