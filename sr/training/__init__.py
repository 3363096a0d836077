"""Training: the step, the modules around it, what watches and keeps a run."""

from . import ddp  # noqa: F401 (tells Lightning of our strategy)
from .adversarial import AdversarialSystem
from .system import PixelSystem

__all__ = ["AdversarialSystem", "PixelSystem"]
