"""Search: Optuna proposes the jobs of a sweep, and ends early those that fall behind."""

from .pruning import Pruned, Reporter
from .sweeper import Search, register
from .values import check_objectives, returned

__all__ = ["Pruned", "Reporter", "Search", "check_objectives", "register", "returned"]
