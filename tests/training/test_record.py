"""The last act of a run: what a whole run leaves behind is tested with the command, in tests/entries."""

from unittest.mock import MagicMock

import torch
from omegaconf import OmegaConf

from sr.generators import Compact
from sr.training import record

ABOUT = {"generator": "Compact", "arguments": {"scale": 2, "width": 4, "depth": 1}}


def test_nan_in_one_of_the_kept_generators_costs_that_one_alone(tmp_path, monkeypatch, capsys):
    system, trainer, data = MagicMock(), MagicMock(callbacks=[]), MagicMock()
    system.generator_ema = Compact(scale=2, width=4, depth=1)
    data.validation.__len__.return_value = 0
    (tmp_path / "checkpoints").mkdir()
    for name, bias in (("best", 0.5), ("last", torch.nan)):
        state = system.generator_ema.state_dict() | {"body.0.bias": torch.full((4,), bias)}
        state = {f"generator_ema.{key}": value for key, value in state.items()}
        torch.save({"about": ABOUT, "state_dict": state}, tmp_path / "checkpoints" / f"{name}.ckpt")
    for what in ("score_all", "panel", "save", "protocol", "columns_of", "table"):
        monkeypatch.setattr(record, what, MagicMock(return_value=[]))
    monkeypatch.setattr(record.card, "about_weights", lambda *_: ABOUT)
    monkeypatch.setattr(record.card, "write", MagicMock())
    config = OmegaConf.create({"name": "a", "scale": 2, "channels": 3})
    record.finish(config, tmp_path, "", trainer, system, data, {}, 1.0)
    assert [file.name for file in (tmp_path / "weights").iterdir()] == ["a-best.safetensors"]
    assert "is not saved, for it could not be loaded again: body.0.bias holds NaN" in capsys.readouterr().out
    assert record.card.write.called
