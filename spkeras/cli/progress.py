"""A progress bar on stderr, for what takes long in front of a terminal."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# A bar for less than this would only flicker.
_SECONDS = 1.0


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Gives a function to tell (done, in all); shows nothing where stderr is no terminal.

    Args:
        what: Words before the bar.
    """
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, visible=False)
        start = time.monotonic()

        def advance(done: int, total: int) -> None:
            late = time.monotonic() - start > _SECONDS
            bar.update(task, completed=done, total=total, visible=late)

        yield advance
