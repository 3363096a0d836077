"""Clips."""

from .file import Clip

__all__ = ["Clip"]
