"""Scores as a table, and how they were made."""

import json

import pytest
from torchmetrics import MeanSquaredError

from sr.degradations import Bicubic
from sr.judge.table import COSTS, Column, columns_of, metrics_json, protocol, table
from sr.metrics import ERGAS, NIQE, PSNR, SAM, SSIM, STLPIPS, LRConsistency
from sr.metrics.mean import MeanOverImages

from .conftest import ROWS


class Sharpness(MeanOverImages):
    """A metric of one's own."""

    title = "sharpness (1/px, lower)"
    digits = 1
    higher_is_better = False
    axis = "perception"


def row(**scores) -> dict:
    return {"model": "a", "set": "S", "scale": 4, "n": 1, **scores}


def test_table():
    columns = columns_of({"psnr_y": PSNR(), "ssim_y": SSIM()}) | {"lpips": Column("LPIPS (lower)")}
    lines = table(columns, ROWS).splitlines()
    # A column of which nothing is known is left out, a cell is not.
    assert lines[0] == "| set | model | PSNR-Y (dB) | SSIM-Y | ms/MP | memory (MB) | parameters |"
    assert lines[2] == "| Set5 x4 (5) | bicubic | 28.42 | 0.8100 | 32 | 6 | 0 |"
    assert lines[3] == "| Set5 x4 (5) | best | 30.00 | - | 32 | 6 | 0.13 M |"


@pytest.mark.parametrize(
    ("metric", "shown"),
    [
        (PSNR(), "28.12"),
        (PSNR(y=False), "28.12"),
        (SSIM(), "28.1235"),
        (STLPIPS(), "28.1235"),
        (NIQE(), "28.1235"),
        (LRConsistency(), "28.12"),
        (SAM(), "28.1235"),
        (ERGAS(4), "28.1235"),
        (Sharpness(), "28.1"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_metric_is_shown_as_it_says_under_whatever_name(metric, shown):
    columns = columns_of({"any_name": metric})
    assert columns["any_name"].higher_is_better is metric.higher_is_better
    assert columns["any_name"].axis == metric.axis
    lines = table(columns, [row(any_name=28.12346)]).splitlines()
    assert lines[0] == f"| set | model | {metric.title} |"
    assert lines[2] == f"| S x4 (1) | a | {shown} |"


def test_a_metric_that_says_nothing_of_itself_is_shown_under_its_name():
    columns = columns_of({"mse": MeanSquaredError(), "own": MeanOverImages()})
    assert columns == {"mse": Column("mse", 4, higher_is_better=False), "own": Column("own", 4, higher_is_better=True)}


def test_equal_titles_are_told_apart_by_their_names():
    columns = columns_of({"ours": PSNR(crop_border_px=4), "theirs": PSNR(), "ssim": SSIM()})
    assert [column.title for column in columns.values()] == ["ours: PSNR-Y (dB)", "theirs: PSNR-Y (dB)", "SSIM-Y"]


def test_what_a_run_trained_on_is_said_beside_its_column():
    columns = columns_of({"a": STLPIPS(), "b": STLPIPS("vgg"), "c": NIQE()}, trains_on={"STLPIPS", "LPIPS"})
    assert [column.title for column in columns.values()] == [
        "a: ST-LPIPS (lower is better), trained on", "b: ST-LPIPS (lower is better), trained on", NIQE.title,
    ]  # fmt: skip
    assert [column.trained_on for column in columns.values()] == [True, True, False]


def test_columns_that_are_no_metrics():
    (title,) = table({}, [row(ms_per_mp=31.5, peak_mb=6.2, parameters=9_999)]).splitlines()[2:]
    assert title == "| S x4 (1) | a | 32 | 6 | 9999 |"
    assert COSTS["parameters"].show(16_697_987) == "16.70 M"


def test_the_protocol_is_that_of_the_metrics():
    found = protocol(4, 3, {"psnr_y": PSNR(crop_border_px=4), "other": MeanSquaredError()}, Bicubic(4))
    assert found["scale"] == 4
    assert "4 px cropped" in found["psnr_y"]
    assert found["other"] == "MeanSquaredError"
    assert "expanded to RGB" in found["images"]
    assert "left gray" in protocol(4, None, {}, None)["images"]
    assert "13 channels" in protocol(4, 13, {}, None)["images"]


def test_metrics_json_is_json():
    """Which has no word for the PSNR of equal images."""

    def refuse(word):
        raise AssertionError(word)

    text = metrics_json({}, [row(psnr_y=float("inf"), ci95={"psnr_y": (float("nan"), 3.0)})])
    found = json.loads(text, parse_constant=refuse)["rows"][0]
    assert (found["psnr_y"], found["ci95"]["psnr_y"], found["n"]) == (None, [None, 3.0], 1)
