import pytest
import torch
from torchmetrics import MeanAbsoluteError

from sr.data.images import Images, open_set
from sr.data.pack import find
from sr.inference.score import score
from sr.metrics import PSNR, SSIM, psnr, ssim
from sr.resize import imresize, imresize_uint8


def bicubic(lr: torch.Tensor) -> torch.Tensor:
    return imresize(lr, 4)


@pytest.fixture
def images(tmp_path, make) -> Images:
    """Three of different sizes."""
    for i, size in enumerate([(40, 48), (64, 32), (81, 66)]):
        make(tmp_path, f"{i}.png", size)
    return Images("three", find(tmp_path), None, 4)


def test_equal_to_scores_made_by_hand(images):
    scores = score(bicubic, images, {"psnr": PSNR(crop_border_px=4), "ssim": SSIM()})
    psnrs, ssims = [], []
    for item in images:
        sr = imresize(item["lr"][None] / 255, 4).clamp(0, 1)
        psnrs.append(psnr(sr, item["hr"][None] / 255, crop_border_px=4).item())
        ssims.append(ssim(sr, item["hr"][None] / 255).item())
    assert scores == pytest.approx({"psnr": sum(psnrs) / 3, "ssim": sum(ssims) / 3}, abs=1e-9)
    assert len(set(psnrs)) == 3


def test_the_enlarger_sees_lr_in_0_1_and_nothing_keeps_a_gradient(images):
    seen = []

    def enlarge(lr):
        seen.append((lr.shape, bool(0 <= lr.min() < 0.5 < lr.max() <= 1), lr.dtype, torch.is_grad_enabled()))
        return bicubic(lr)

    score(enlarge, images, {"psnr": PSNR()})
    assert [shape for shape, *_ in seen] == [(1, 3, 10, 12), (1, 3, 16, 8), (1, 3, 20, 16)]
    assert {tuple(rest) for _, *rest in seen} == {(True, torch.float32, False)}


def test_what_is_enlarged_is_clipped_before_it_is_scored(images):
    scores = score(lambda lr: bicubic(lr) + 5, images, {"error": MeanAbsoluteError()})
    assert scores["error"] == score(lambda lr: 0 * bicubic(lr) + 1, images, {"error": MeanAbsoluteError()})["error"]
    assert 0 < scores["error"] < 1


def test_metrics_are_left_as_they_are(images, sr, hr):
    metric = PSNR()
    metric.update(sr, hr)
    before = metric.compute().item()
    metric._computed = None
    score(bicubic, images, {"psnr": metric})
    assert metric.compute().item() == before


def test_scores_do_not_depend_on_what_a_metric_has_seen(images, hr):
    used = PSNR()
    used.update(hr, hr)
    assert score(bicubic, images, {"psnr": used}) == score(bicubic, images, {"psnr": PSNR()})


def test_every_image_is_decoded_once(images, monkeypatch):
    decoded = []
    read = images._read
    monkeypatch.setattr(images, "_read", lambda image: decoded.append(image) or read(image))
    score(bicubic, images, {"psnr": PSNR()})
    assert len(decoded) == 3


def test_images_of_16_bits(face):
    hr = (face.int() * 257).to(torch.uint16)
    lr = imresize_uint8(hr, 1 / 4)
    deep = score(bicubic, [{"lr": lr, "hr": hr}], {"psnr": PSNR()})
    shallow = score(bicubic, [{"lr": imresize_uint8(face, 1 / 4), "hr": face}], {"psnr": PSNR()})
    assert deep["psnr"] == pytest.approx(shallow["psnr"], abs=0.02)


@pytest.mark.parametrize(("name", "psnr_db", "similarity"), [("Set5", 28.42, 0.8104), ("Set14", 26.00, 0.7027)])
def test_bicubic_has_the_scores_of_the_published_tables(benchmarks, name, psnr_db, similarity):
    images = open_set(name, benchmarks, 4, channels=None)
    scores = score(bicubic, images, {"psnr": PSNR(crop_border_px=4), "ssim": SSIM(crop_border_px=4)})
    assert scores["psnr"] == pytest.approx(psnr_db, abs=0.02)
    assert scores["ssim"] == pytest.approx(similarity, abs=0.001)
