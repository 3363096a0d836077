from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
from torchmetrics import MeanAbsoluteError

from sr import formats
from sr.data.images import Images
from sr.data.sets import open_set
from sr.data.tree import find
from sr.errors import UserError
from sr.image.resize import imresize, imresize_uint8
from sr.judge.score import complaints, pair_of, row, score
from sr.metrics import PSNR, SSIM, LRConsistency, lr_psnr, psnr, ssim
from sr.metrics.mean import MeanOverImages


def bicubic(lr: torch.Tensor) -> torch.Tensor:
    return imresize(lr, 4)


def means(enlarge, images, metrics) -> dict[str, float]:
    """What a table says of it."""
    found = row("a model", images, score(enlarge, images, metrics), list(metrics), None)
    return {name: found[name] for name in metrics}


@pytest.fixture
def images(tmp_path, make) -> Images:
    """Three of different sizes; LR is 12x10, 8x16 and 16x20."""
    for i, size in enumerate([(40, 48), (64, 32), (81, 66)]):
        make(tmp_path, f"{i}.png", size)
    return Images("three", find(tmp_path), None, 4)


def test_equal_to_scores_made_by_hand(images):
    records = score(bicubic, images, {"psnr": PSNR(crop_border_px=4), "ssim": SSIM()})
    psnrs, ssims = [], []
    for item in images:
        lr, _ = pair_of(images, item["n"])
        sr = imresize(lr, 4).clamp(0, 1)
        psnrs.append(psnr(sr, item["hr"][None] / 255, crop_border_px=4).item())
        ssims.append(ssim(sr, item["hr"][None] / 255).item())
    assert [record["image"] for record in records] == ["0", "1", "2"]
    assert [record["scores"]["psnr"] for record in records] == pytest.approx(psnrs, abs=1e-9)
    assert [record["scores"]["ssim"] for record in records] == pytest.approx(ssims, abs=1e-9)
    assert len(set(psnrs)) == 3
    table = row("bicubic", images, records, ["psnr", "ssim"], 0)
    assert table["psnr"] == pytest.approx(sum(psnrs) / 3, abs=1e-9)
    assert table["ssim"] == pytest.approx(sum(ssims) / 3, abs=1e-9)


def test_the_enlarger_sees_lr_in_0_1_and_nothing_keeps_a_gradient(images):
    seen = []

    def enlarge(lr):
        seen.append((lr.shape, bool(0 <= lr.min() < 0.5 < lr.max() <= 1), lr.dtype, torch.is_grad_enabled()))
        return bicubic(lr)

    score(enlarge, images, {"psnr": PSNR()})
    # The first one twice, for only the second time counts, and the largest again to measure its memory.
    assert [shape[2:] for shape, *_ in seen] == [(10, 12), (10, 12), (16, 8), (20, 16), (20, 16)]
    assert {tuple(rest) for _, *rest in seen} == {(True, torch.float32, False)}


def test_what_is_enlarged_is_clipped_before_it_is_scored(images):
    scores = means(lambda lr: bicubic(lr) + 5, images, {"error": MeanAbsoluteError()})
    assert scores == means(lambda lr: 0 * bicubic(lr) + 1, images, {"error": MeanAbsoluteError()})
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
    assert means(bicubic, images, {"psnr": used}) == means(bicubic, images, {"psnr": PSNR()})


def test_every_image_is_decoded_once(images, monkeypatch):
    decoded = []
    read = formats.open
    monkeypatch.setattr(formats, "open", lambda path, *given: decoded.append(path) or read(path, *given))
    score(bicubic, images, {"psnr": PSNR()})
    assert len(decoded) == 3


def test_images_of_16_bits(face):
    class One(list):
        name, names, scale = "one", ["face"], 4

    hr = (face.int() * 257).to(torch.uint16)
    lr = imresize_uint8(hr, 1 / 4)
    deep = means(bicubic, One([{"lr": lr, "hr": hr}]), {"psnr": PSNR()})
    shallow = means(bicubic, One([{"lr": imresize_uint8(face, 1 / 4), "hr": face}]), {"psnr": PSNR()})
    assert deep["psnr"] == pytest.approx(shallow["psnr"], abs=0.02)


@pytest.mark.parametrize(("name", "psnr_db", "similarity"), [("Set5", 28.42, 0.8104), ("Set14", 26.00, 0.7027)])
def test_bicubic_has_the_scores_of_the_published_tables(benchmarks, name, psnr_db, similarity):
    images = open_set(name, benchmarks, 4, channels=None)
    scores = means(bicubic, images, {"psnr": PSNR(crop_border_px=4), "ssim": SSIM(crop_border_px=4)})
    assert scores["psnr"] == pytest.approx(psnr_db, abs=0.02)
    assert scores["ssim"] == pytest.approx(similarity, abs=0.001)


# --- what a metric looks at -------------------------------------------------------------------------------------------


class Brightness(MeanOverImages):
    inputs = ("sr",)

    def score(self, sr):
        return sr.mean((1, 2, 3)).double()


def test_a_metric_is_given_the_images_that_it_names(images):
    records = score(bicubic, images, {"brightness": Brightness(), "lr_psnr": LRConsistency(), "psnr": PSNR()})
    for record, item in zip(records, images, strict=True):
        lr, _ = pair_of(images, item["n"])
        enlarged = bicubic(lr).clamp(0, 1)
        assert record["scores"]["brightness"] == pytest.approx(enlarged.mean().item(), abs=1e-6)
        assert record["scores"]["lr_psnr"] == pytest.approx(lr_psnr(enlarged, lr).item(), abs=1e-6)


def test_what_a_metric_refuses_is_none_and_not_a_failure(images):
    records = score(bicubic, images, {"ssim": SSIM(crop_border_px=11), "psnr": PSNR()})
    assert [record["scores"]["ssim"] is None for record in records] == [False, True, False]
    assert [sorted(record["refused"]) for record in records] == [[], ["ssim"], []]
    assert "at least 11x11 pixels, 10x42 are left" in records[1]["refused"]["ssim"]
    assert all(record["scores"]["psnr"] > 0 and "failed" not in record for record in records)


def test_a_value_that_is_nan_is_refused(images):
    class Undefined(Brightness):
        def score(self, sr):
            return super().score(sr) * torch.nan

    records = score(bicubic, images, {"undefined": Undefined()})
    assert [record["scores"] for record in records] == 3 * [{"undefined": None}]
    assert [record["refused"] for record in records] == 3 * [{"undefined": "its value is NaN"}]


def test_a_metric_without_memory_for_an_image_refuses_it(images):
    class Greedy(Brightness):
        def score(self, sr):
            if sr.shape[-1] == 32:
                raise torch.OutOfMemoryError("tried to allocate 80 GiB\nand failed")
            return super().score(sr)

    records = score(bicubic, images, {"greedy": Greedy()})
    assert [record["refused"] for record in records] == [{}, {"greedy": "tried to allocate 80 GiB"}, {}]
    assert [record["scores"]["greedy"] is None for record in records] == [False, True, False]


# --- images that fail -------------------------------------------------------------------------------------------------


def damage(images, which):
    images.files[which].write_bytes(images.files[which].read_bytes()[:200])


def unwilling(images, which, error=None):
    """An enlarger that raises `error` at image `which`, or enlarges it by 2."""
    shape = pair_of(images, which)[0].shape[2:]

    def enlarge(lr):
        if lr.shape[2:] != shape:
            return bicubic(lr)
        if error:
            raise error
        return imresize(lr, 2)

    return enlarge


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize(
    ("error", "why"),
    [
        (RuntimeError("cannot reshape\nC++ frames"), "cannot reshape"),
        (torch.OutOfMemoryError("tried to allocate 80 GiB"), "tried to allocate 80 GiB"),
        (UserError("not enough memory"), "not enough memory"),
        (None, "the model enlarges by another scale"),
        ("damaged", "cannot be decoded"),
    ],
    ids=["network", "memory", "refusal", "scale", "damaged"],
)
def test_an_image_that_fails_is_named_and_the_others_go_on(images, which, error, why):
    whole = score(bicubic, images, {"psnr": PSNR()})
    if error == "damaged":
        damage(images, which)
        records = score(bicubic, images, {"psnr": PSNR()})
    else:
        records = score(unwilling(images, which, error), images, {"psnr": PSNR()})
    assert [record["image"] for record in records] == ["0", "1", "2"]
    assert why in records[which]["failed"]
    assert "\n" not in records[which]["failed"]
    assert "scores" not in records[which]
    for i in {0, 1, 2} - {which}:
        assert records[i]["scores"] == whole[i]["scores"]
        assert "failed" not in records[i]
    assert sum("peak_bytes" in record for record in records) == 1


def test_another_scale_is_told_in_sizes(images):
    records = score(unwilling(images, 1), images, {"psnr": PSNR()})
    assert "SR is 16x32 with 3 channels, HR 32x64 with 3 channels" in records[1]["failed"]


def test_a_mistake_in_the_program_is_no_failure_of_an_image(images):
    with pytest.raises(AttributeError):
        score(unwilling(images, 1, AttributeError("a typo")), images, {"psnr": PSNR()})


# --- what a record brings along ---------------------------------------------------------------------------------------


def test_boxes_bring_crops_of_what_was_enlarged(images):
    records = score(bicubic, images, {}, boxes={"1": (4, 20, 16, 12), "2": (0, 0, 64, 80), "elsewhere": (0, 0, 1, 1)})
    assert ["crop" in record for record in records] == [False, True, True]
    for record, (left, top, right, bottom) in zip(records[1:], [(4, 20, 20, 32), (0, 0, 64, 80)], strict=True):
        pixels = (bicubic(pair_of(images, int(record["image"]))[0]).clamp(0, 1)[0] * 255).round().byte()
        assert torch.equal(record["crop"], pixels[:, top:bottom, left:right])


def test_the_cost_of_an_image_is_measured(images):
    records = score(bicubic, images, {})
    assert [record["lr_pixels"] for record in records] == [120, 128, 320]
    assert [record["megapixels"] for record in records] == pytest.approx([0.00192, 0.002048, 0.00512])
    assert all(record["ms"] > 0 for record in records)
    assert ["peak_bytes" in record for record in records] == [False, False, True]
    assert records[2]["peak_bytes"] >= 3 * 80 * 64 * 4  # what comes out, at least


# --- tables -----------------------------------------------------------------------------------------------------------

SET = SimpleNamespace(name="Set5", scale=4)
RECORDS = [
    {"image": "a", "scores": {"psnr": 30.0, "ssim": 0.5}, "refused": {}, "ms": 10.0, "megapixels": 0.5},
    {"image": "b", "scores": {"psnr": 20.0, "ssim": None}, "refused": {"ssim": "too small"}, "ms": 30.0,
     "megapixels": 1.5, "peak_bytes": 4_000_000},
    {"image": "c", "failed": "/sets/Set5/HR_x4/c.png: cannot be decoded"},
    {"image": "d", "scores": {"psnr": 25.0, "ssim": 0.0}, "refused": {}, "ms": 20.0, "megapixels": 2.0,
     "peak_bytes": 3_000_000},
]  # fmt: skip


def test_a_row_means_what_there_is():
    assert row("ours", SET, RECORDS, ["ssim", "psnr", "niqe"], 1234) == {
        "model": "ours", "set": "Set5", "scale": 4, "n": 3, "ssim": 0.25, "psnr": 25.0, "niqe": None,
        "ms_per_mp": 15.0, "peak_mb": 4.0, "parameters": 1234,
    }  # fmt: skip
    assert list(row("ours", SET, RECORDS, ["ssim", "psnr"], 1))[4:6] == ["ssim", "psnr"]


def test_a_row_of_a_set_of_which_nothing_could_be_scored():
    assert row("ours", SET, RECORDS[2:3], ["psnr"], None) == {
        "model": "ours", "set": "Set5", "scale": 4, "n": 0, "psnr": None, "ms_per_mp": None, "peak_mb": None,
        "parameters": None,
    }  # fmt: skip


def test_complaints_name_the_image_once():
    assert complaints(SET, RECORDS) == [
        "Set5/b: not in ssim: too small",
        "/sets/Set5/HR_x4/c.png: cannot be decoded",
    ]


@pytest.mark.parametrize(
    ("name", "why", "line"),
    [
        ("1", "SR is 16x32, HR 32x64", "Set5/1: SR is 16x32, HR 32x64"),
        ("a", "not enough memory", "Set5/a: not enough memory"),
        ("a", "/sets/ba.png: cannot be decoded", "Set5/a: /sets/ba.png: cannot be decoded"),
        ("a", "Set5/a: LR is 11x12", "Set5/a: LR is 11x12"),
        ("x/a.png", "/sets/x/a.png: no such file", "/sets/x/a.png: no such file"),
        ("a(1)", "/sets/a(1).png: no such file", "/sets/a(1).png: no such file"),
    ],
)
def test_a_complaint_whose_reason_only_looks_like_the_name_names_it(name, why, line):
    assert complaints(SET, [{"image": name, "failed": why}]) == [line]


# --- processes --------------------------------------------------------------------------------------------------------

METRICS = {"psnr": PSNR(), "ssim": SSIM(crop_border_px=11)}
BOXES = {"1": (4, 20, 16, 12)}


def measured(records):
    """What does not change from one time to the next."""
    return [{key: value for key, value in r.items() if key not in ("ms", "peak_bytes", "crop")} for r in records]


def one_of_two(rank: int, folder) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    for count in (5, 1):  # of a single image, the second process has none
        some = Images("some", find(folder / "images")[:count], None, 4)
        torch.save(score(bicubic, some, METRICS, rank=rank, world=2, boxes=BOXES), folder / f"{count}-{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_have_the_records_of_one(tmp_path, make):
    for i, size in enumerate([(40, 48), (64, 32), (81, 66), (48, 40), (52, 52)]):
        make(tmp_path / "images", f"{i}.png", size)
    damage(Images("some", find(tmp_path / "images"), None, 4), 3)
    torch.multiprocessing.spawn(one_of_two, (tmp_path,), nprocs=2)
    for count in (5, 1):
        some = Images("some", find(tmp_path / "images")[:count], None, 4)
        alone = score(bicubic, some, METRICS, boxes=BOXES)
        for rank in range(2):
            records = torch.load(tmp_path / f"{count}-{rank}.pt")
            assert measured(records) == measured(alone)
            assert all(torch.equal(r["crop"], a["crop"]) for r, a in zip(records, alone, strict=True) if "crop" in a)
            tables = [row("", some, found, list(METRICS), 0) for found in (records, alone)]
            assert tables[0]["peak_mb"] == tables[1]["peak_mb"] > 0
