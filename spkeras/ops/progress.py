"""Callbacks that receive the progress of a run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

# Receives (work done, work in all).
Progress: TypeAlias = Callable[[int, int], None]


def quiet(done: int, total: int) -> None:
    """Show no progress."""


def _silent(text: str) -> None:
    """Show no announcement."""


_SHOW: ContextVar[Callable[[str], None]] = ContextVar("show", default=_silent)


@contextmanager
def announced(show: Callable[[str], None]) -> Iterator[None]:
    """Show announcements of work that is no part of a run, such as a compilation, in this block.

    Args:
        show: Receives one sentence.
    """
    token = _SHOW.set(show)
    try:
        yield
    finally:
        _SHOW.reset(token)


def announce(text: str) -> None:
    """Show, where progress is shown, what is being waited for."""
    _SHOW.get()(text)
