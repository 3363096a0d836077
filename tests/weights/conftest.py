"""Fixtures of the enlargers, which weights are read for."""

from ..inference.conftest import compact, lr

__all__ = ["compact", "lr"]
