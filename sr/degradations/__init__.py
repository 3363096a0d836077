"""Degradations: from hr (N C sH sW, float in [0, 1], on any device) to the lr that the generator sees."""

from .bicubic import Bicubic

__all__ = ["Bicubic"]
