"""Clips: every frame at its time, with all sound and subtitles as they are."""

from .file import Clip

__all__ = ["Clip"]
