"""Training: the step, the modules around it, what watches and keeps a run."""

from .system import AdversarialSystem, PixelSystem

__all__ = ["AdversarialSystem", "PixelSystem"]
