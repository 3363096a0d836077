"""Jobs side by side: over seeds and seed by seed."""

import numpy as np
import pytest

from sr.judge.sweeps.scores import best, bicubic, differences, over_seeds, points, read


@pytest.fixture
def jobs(add, tmp_path):
    for seed, (a, b) in enumerate([(30.0, 30.5), (31.0, 31.7), (29.0, 29.3)]):
        add(f"losses=a seed={seed}", a, 0.2)
        add(f"losses=b seed={seed}", b, 0.1 * (seed + 1))
    return read(tmp_path)


def test_mean_and_spread_are_over_seeds(jobs):
    over = {point: over_seeds(of) for point, of in points(jobs).items()}
    assert list(over) == [("losses=a",), ("losses=b",)]
    for point, values in ((("losses=a",), [30, 31, 29]), (("losses=b",), [30.5, 31.7, 29.3])):
        assert over[point]["set5", "psnr_y"] == pytest.approx((np.mean(values), np.std(values, ddof=1)))


def test_seeds_pair(jobs):
    fidelity, perception = differences(jobs)
    assert (fidelity["a"], fidelity["b"], fidelity["metric"]) == (["losses=b"], ["losses=a"], "psnr_y")
    assert fidelity["difference"] == pytest.approx(0.5)  # of 0.5, 0.7 and 0.3
    assert fidelity["spread"] == pytest.approx(0.2)  # where each alone spreads by 1
    assert (fidelity["better"], fidelity["worse"]) == (3, 0)
    assert (perception["better"], perception["worse"]) == (1, 1)  # lower is better; one is equal


def test_a_seed_that_only_one_has_pairs_with_nothing(add, tmp_path):
    for options, psnr in (("x=1 seed=1", 30), ("x=1 seed=2", 31), ("x=2 seed=2", 32), ("x=2 seed=3", 33)):
        add(options, psnr)
    assert differences(read(tmp_path)) == []
    add("x=2 seed=1", 30.5)
    assert {tuple(pair["seeds"]) for pair in differences(read(tmp_path))} == {("2", "1")}


def test_the_best_is_by_the_direction_of_the_metric(jobs):
    assert best(jobs, ("set5", "psnr_y")).job.options == ("losses=b", "seed=1")
    assert best(jobs, ("set5", "st_lpips")).job.options == ("losses=b", "seed=0")
    assert best([], ("set5", "psnr_y")) is None


def test_the_model_that_counts_is_the_one_that_the_run_is_for(jobs):
    assert jobs[0].scores == {("set5", "psnr_y"): 30.0, ("set5", "st_lpips"): 0.2}
    assert bicubic(jobs)["set5", "psnr_y"] == 28.4


def test_a_single_job_has_no_spread(add, tmp_path):
    add("seed=1", 30)
    (job,) = read(tmp_path)
    assert over_seeds([job]) == {}
    assert differences([job]) == []
