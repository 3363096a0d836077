"""What a sweep leaves behind: its jobs in one table, two pictures and sweep.json."""

from .page import tell, write

__all__ = ["tell", "write"]
