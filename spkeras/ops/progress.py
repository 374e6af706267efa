"""Callbacks that receive the progress of a run."""

from collections.abc import Callable
from typing import TypeAlias

# Receives (work done, work in all).
Progress: TypeAlias = Callable[[int, int], None]


def quiet(done: int, total: int) -> None:
    """Show no progress."""
