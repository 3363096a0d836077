"""Hydra's words for a sweep, as Optuna's distributions."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import CompactHydraException
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from sr.sweep.search.space import size_of, space_of


def parsed(*given):
    return OverridesParser.create().parse_overrides(list(given))


@pytest.mark.parametrize(
    ("given", "distribution"),
    [
        ("x=a,b", CategoricalDistribution(["a", "b"])),
        ("x=choice(1e-4,1e-3)", CategoricalDistribution(["0.0001", "0.001"])),
        ("x=range(1,9,2)", IntDistribution(1, 7, step=2)),
        ("x=range(0.5,2,0.5)", FloatDistribution(0.5, 1.5, step=0.5)),
        ("x=interval(0.1,1)", FloatDistribution(0.1, 1)),
        ("x=int(interval(1,8))", IntDistribution(1, 8)),
        ("x=tag(log,interval(1e-5,1e-3))", FloatDistribution(1e-5, 1e-3, log=True)),
        ("x=tag(log,int(interval(8,512)))", IntDistribution(8, 512, log=True)),
    ],
)
def test_each_kind(given, distribution):
    assert space_of(parsed(given)) == ([], {"x": distribution})


@pytest.mark.parametrize(
    ("given", "size"),
    [(["x=a,b", "y=range(0,3)"], 6), (["x=range(0.1,0.5,0.1)"], 4), (["x=1,2", "y=interval(0,1)"], float("inf"))],
)
def test_how_many_points_there_are(given, size):
    assert size_of(space_of(parsed(*given))[1]) == size


def test_what_is_not_swept_is_the_same_for_all_jobs():
    fixed, space = space_of(parsed("experiment=srgan", "x=1,2", "~y", "+z=3", "test=[a,b]"))
    assert fixed == ["experiment=srgan", "~y", "+z=3", "test=[a,b]"]
    assert list(space) == ["x"]


def test_nothing_to_search_is_told():
    with pytest.raises(CompactHydraException, match="without anything to search"):
        space_of(parsed("x=1"))
