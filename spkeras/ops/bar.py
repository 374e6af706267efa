"""A bar that shows the progress of a call from Python, as Keras shows that of `fit`."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import keras

from spkeras.errors import OptionError
from spkeras.ops.progress import Progress, announced, quiet

# A bar that is shown for less than this flickers.
_SECONDS = 1.0
VERBOSE = ("auto", 0, 1)


def shows(verbose: str | int) -> bool:
    """Return whether a call shows its progress.

    Args:
        verbose: "auto" for a bar in a terminal or a notebook, and nothing in a file; 1 for a bar, 0
            for none.

    Raises:
        OptionError: another value.
    """
    if verbose not in VERBOSE:
        raise OptionError(f"verbose={verbose!r}; allowed: {VERBOSE}")
    if verbose == "auto":
        return sys.stdout.isatty() or "ipykernel" in sys.modules
    return bool(verbose)


@contextmanager
def reported(progress: Progress | None, verbose: str | int, unit: str) -> Iterator[Progress]:
    """Yield the callback that a call reports its progress to.

    Args:
        progress: The caller's callback; with one no bar is shown.
        verbose: See `shows`.
        unit: What is counted, such as "sample".
    """
    own = shows(verbose)
    if progress is not None or not own:
        yield progress or quiet
        return
    bar = _Bar(unit, 0.0 if verbose == 1 else _SECONDS)
    try:
        with announced(lambda text: print(text, flush=True)):
            yield bar.show
    finally:
        bar.end()


class _Bar:
    """Keras's bar, shown after a while; a new one where the count begins again.

    Args:
        unit: What is counted.
        delay: Seconds before it is shown.
    """

    def __init__(self, unit: str, delay: float) -> None:
        self.unit, self.delay, self.begun = unit, delay, time.monotonic()
        self.bar: keras.utils.Progbar | None = None
        self.done, self.finished = 0, True

    def show(self, done: int, total: int) -> None:
        """Show the state of the work; a total of 0 is unknown."""
        if self.bar is None and time.monotonic() - self.begun < self.delay:
            return
        if self.bar is None or done < self.done:
            self.end()
            self.bar = keras.utils.Progbar(total or None, unit_name=self.unit)
        self.done, self.finished = done, 0 < total <= done
        self.bar.target = total or None
        self.bar.update(done, finalize=self.finished)

    def end(self) -> None:
        """End the line of a bar that has not reached its total."""
        if self.bar is not None and not self.finished:
            self.bar.target = self.done
            self.bar.update(self.done, finalize=True)
            self.finished = True
