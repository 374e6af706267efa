"""A progress bar on stderr for long runs in a terminal."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from spkeras.ops.progress import announced

# A bar that is shown for less than this flickers.
_SECONDS = 1.0


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a callback that receives (done, total) and draws a bar if stderr is a terminal.

    Args:
        what: Label of the bar.
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
            bar.update(task, description=what, completed=done, total=total, visible=late)

        with announced(lambda text: bar.update(task, description=text, visible=True)):
            yield advance
