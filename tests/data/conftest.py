"""Fixtures of what is fetched."""

from ..place import offer, place

__all__ = ["offer", "place"]
