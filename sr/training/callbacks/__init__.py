"""Callbacks: all that only watches a run, keeps it or ends it."""

from .checkpoints import Checkpoints
from .clock import Clock
from .health import Health
from .overfit import Overfit
from .panels import Panels
from .progress import Progress
from .prune import Prune
from .rehearsal import Rehearsal
from .stop import Stop
from .wandb_run import WandbRun

__all__ = ["Checkpoints", "Clock", "Health", "Overfit", "Panels", "Progress", "Prune", "Rehearsal", "Stop", "WandbRun"]
