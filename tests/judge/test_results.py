import pytest

from sr.judge.report import sentence
from sr.judge.results import Results
from sr.judge.table import columns_of
from sr.metrics import NIQE, PSNR

SCORES = {"first": [(20.0, 5.0), (21.0, 5.0), (22.0, 5.0)], "second": [(21.0, 6.0), (22.0, 4.0), (None, 6.0)]}


@pytest.fixture
def results() -> Results:
    """Two models on three images; PSNR and NIQE under names that say nothing, and one score that is missing."""
    results = Results("", {}, columns_of({"a": PSNR(), "b": NIQE()}), list(SCORES))
    for model, scores in SCORES.items():
        records = [{"image": str(i), "scores": {"a": a, "b": b}} for i, (a, b) in enumerate(scores)]
        results.add({"set": "S", "model": model}, [*records, {"image": "3", "failed": "no picture"}])
    return results


def test_which_model_is_better_is_what_the_metric_says(results):
    psnr, niqe = results.pairs()
    assert {key: psnr[key] for key in ("set", "metric", "a", "b")} == {
        "set": "S", "metric": "a", "a": "second", "b": "first"}  # fmt: skip
    assert (psnr["n"], psnr["better"], psnr["worse"]) == (2, 2, 0)
    assert (niqe["n"], niqe["better"], niqe["worse"]) == (3, 1, 2)
    assert sentence(niqe).startswith("S, b: second is better than first on 1 of 3 images, +0.3333 [")


def test_intervals_are_of_the_images_that_have_a_score(results):
    assert results.rows[1]["ci95"]["a"] == (21.0, 22.0)
    assert set(results.rows[0]["ci95"]) == {"a", "b"}


def test_of_an_interrupted_evaluation_whole_pairs_are_compared(results):
    results.add({"set": "T", "model": "first"}, results.records["S", "first"])
    assert {pair["set"] for pair in results.pairs()} == {"S"}


def test_a_complaint_is_made_once(results):
    results.complain(["S/3: no picture"])
    results.complain(["S/3: no picture", "S/4: no picture"])
    assert results.complaints == ["S/3: no picture", "S/4: no picture"]
