"""What a job returns to whoever proposed it."""

from collections.abc import Mapping
from typing import Any

from hydra.core.hydra_config import HydraConfig

from sr.errors import UserError


def objectives() -> list[str]:
    """Names that this sweep searches by; none outside of a search."""
    sweeper: Any = HydraConfig.get().sweeper if HydraConfig.initialized() else None
    return list((sweeper or {}).get("objectives") or [])


def check_objectives(metrics: Mapping[str, Any]) -> None:
    """Refuse, before anything is trained, a search by what is not measured.

    Raises:
        UserError: an objective that is no metric of the validation.
    """
    for name in objectives():
        if name != "cost" and name not in metrics:
            raise UserError(f"hydra.sweeper.objectives names {name}; known are cost and the metrics {list(metrics)}")


def returned(best: Mapping[str, Any], finished: bool) -> Any:
    """Of the best checkpoint its cost or, in a search, the value of each objective.

    Args:
        best: {"cost", "scores": metric -> value} as `sr.training.callbacks.Checkpoints` keeps it.
        finished: whether the job has come to its end; one that pauses may have no value yet.

    Raises:
        UserError: a search got nothing to go by.
    """
    if objectives() and finished and "scores" not in best:
        raise UserError("a search needs the scores of a validation, and this job had none; give a "
                        "trainer.val_check_interval of at most its steps")  # fmt: skip
    known = {"cost": best.get("cost")} | best.get("scores", {})
    return [known.get(name) for name in objectives()] or best.get("cost")
