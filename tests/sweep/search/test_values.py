"""What a job returns."""

import pytest
from hydra.core.hydra_config import HydraConfig

from sr.errors import UserError
from sr.sweep.search import check_objectives, returned, values

BEST = {"cost": 0.1, "scores": {"psnr_y": 30.0, "st_lpips": 0.1}, "step": 5}


def test_outside_of_a_search_it_is_the_cost(monkeypatch):
    monkeypatch.setattr(HydraConfig, "initialized", staticmethod(lambda: False))
    assert returned(BEST, True) == 0.1
    assert returned({"phase": None}, True) is None  # it ended before a validation
    check_objectives({})


def test_in_a_search_it_is_each_objective(monkeypatch):
    monkeypatch.setattr(values, "objectives", lambda: ["psnr_y", "cost", "st_lpips"])
    assert returned(BEST, True) == [30.0, 0.1, 0.1]
    assert returned({"phase": None}, False) == [None] * 3
    with pytest.raises(UserError, match="this job had none; give a trainer"):
        returned({"phase": None}, True)
    check_objectives({"psnr_y": ..., "st_lpips": ...})
    with pytest.raises(UserError, match=r"objectives names st_lpips; known are cost and the metrics \['psnr_y'\]"):
        check_objectives({"psnr_y": ...})
