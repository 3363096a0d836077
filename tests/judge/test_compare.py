import numpy as np
import pytest
from scipy.stats import bootstrap

from sr.judge.compare import interval, paired


@pytest.fixture(scope="module")
def scores():
    return np.random.default_rng(1).normal(28, 3, 40).tolist()


@pytest.mark.parametrize("confidence", [0.95, 0.5])
def test_interval_equals_scipys(scores, confidence):
    """Both draw at random: their ends differ by some hundredths of the mean's own deviation (0.03 at 95 %)."""
    reference = bootstrap(
        [scores], np.mean, confidence_level=confidence, n_resamples=20_000, method="percentile", random_state=2
    ).confidence_interval
    tolerance = 0.1 * np.std(scores) / len(scores) ** 0.5
    assert interval(scores, confidence) == pytest.approx((reference.low, reference.high), abs=tolerance)


def test_interval_holds_the_mean_and_narrows_with_more_images(scores):
    (low, high), (low_few, high_few) = interval(scores), interval(scores[:10])
    assert low < np.mean(scores) < high
    assert low_few < np.mean(scores[:10]) < high_few
    assert (high_few - low_few) > 1.3 * (high - low)


def test_the_same_each_time(scores):
    assert interval(scores) == interval(scores)


def test_of_one_image_the_interval_is_its_score():
    assert interval([28.42]) == (28.42, 28.42)


def test_interval_of_equal_scores_has_no_width():
    assert interval([0.5] * 7) == (0.5, 0.5)


@pytest.fixture(scope="module")
def models():
    """Better on a and b, equal on c, worse on d; e and f lack a partner."""
    mine = {"a": 30.0, "b": 28.0, "c": 25.0, "d": 20.0, "e": None, "f": 1.0}
    return mine, {"a": 29.0, "b": 26.0, "c": 25.0, "d": 21.0, "e": 27.0, "g": 2.0}


def test_image_by_image(models):
    found = paired(*models, higher_is_better=True)
    assert (found["n"], found["better"], found["worse"]) == (4, 2, 1)
    assert found["difference"] == 0.5
    assert found["ci95"] == list(interval([1, 2, 0, -1]))


def test_where_lower_is_better_the_signs_turn_but_not_the_difference(models):
    higher, lower = (paired(*models, higher_is_better=better) for better in (True, False))
    assert (lower["better"], lower["worse"]) == (higher["worse"], higher["better"])
    assert {key: lower[key] for key in ("n", "difference", "ci95")} == {
        key: higher[key] for key in ("n", "difference", "ci95")
    }


def test_the_other_way_round(models):
    one, other = models
    found = paired(other, one, higher_is_better=True)
    assert (found["n"], found["better"], found["worse"], found["difference"]) == (4, 1, 2, -0.5)


@pytest.mark.parametrize("other", [{}, {"b": 1.0}, {"a": None}])
def test_without_common_images_nothing_is_claimed(other):
    assert paired({"a": 30.0}, other, higher_is_better=True) == {
        "n": 0, "better": 0, "worse": 0, "difference": None, "ci95": None,
    }  # fmt: skip


def test_a_pair_is_surer_than_its_two_scores(scores):
    """Images differ by more than models do: of one model the interval is wide, of the difference it is narrow."""
    a = dict(enumerate(scores))
    b = {image: score - 0.1 - 0.01 * (image % 3) for image, score in a.items()}
    low, high = paired(a, b, higher_is_better=True)["ci95"]
    assert 0.1 < low < high < 0.12
    assert np.ptp(interval(scores)) > 1
