"""Samples in batches: from arrays in memory, or from a stream that is read batch by batch."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from spkeras.data.batches import equal_slices
from spkeras.data.layout import Batch, Layout, joined
from spkeras.data.values import as_array
from spkeras.errors import DataError
from spkeras.ops.sampling import chosen

# Samples of a stream of single samples that are put together before they are cut into batches.
_TOGETHER = 32
# Samples that are read at once where some are drawn from a stream.
_DRAWN = 256


class Source(Protocol):
    """The samples of a data set.

    Attributes:
        samples: Number of samples; None where a stream does not know it.
        expected: Number for reports of progress, at least as large; 0 if unknown.
        streams: Whether samples are read batch by batch, so that `head` is not all of them.
    """

    samples: int | None
    expected: int

    streams: bool

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield all samples in batches of at most this size."""

    def head(self, count: int) -> Batch:
        """Return samples to check before a run: the first ones of a stream, at least `count` if
        it has them; all that are in memory.
        """

    def some(self, count: int) -> Batch:
        """Return up to `count` of the samples, drawn at random with a fixed seed."""

    def again(self) -> "Source":
        """Return a source that can be read more than once."""

    def held(self) -> "Arrays":
        """Return all samples in memory."""


class Arrays:
    """Samples in memory.

    Args:
        batch: All samples.
    """

    streams: bool = False

    def __init__(self, batch: Batch) -> None:
        self.batch, self.expected = batch, len(batch)
        self.samples: int | None = len(batch)

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield batches of nearly equal size."""
        for rows in equal_slices(len(self.batch), size):
            yield self.batch.part(rows)

    def head(self, count: int) -> Batch:
        """Return all samples."""
        return self.batch

    def some(self, count: int) -> Batch:
        """Return some of the samples, in their order."""
        return self.batch.part(chosen(len(self.batch), count))

    def again(self) -> Source:
        """Return this source."""
        return self

    def held(self) -> "Arrays":
        """Return this source."""
        return self


class Streamed:
    """Samples of a stream; no more than a batch is held in memory.

    Args:
        chunks: Returns an iterator over what the stream yields, batches or single samples.
        layout: Of the network.
        what: Type of the stream, for messages.
        samples: Number of samples, if known.
        length: Number of what `chunks` yields, if known.
        once: Whether the stream can be read only once.
    """

    streams: bool = True

    def __init__(
        self,
        chunks: Callable[[], Iterator[Any]],
        layout: Layout,
        *,
        what: str,
        samples: int | None = None,
        length: int | None = None,
        once: bool = False,
    ) -> None:
        self.layout, self.what, self.once = layout, what, once
        self.samples, self.expected = samples, samples or 0
        self._chunks, self._length = chunks, length
        # What `head` has taken from a stream that is read once, and the rest of it.
        self._rest: Iterator[Batch] | None = None
        self._taken: list[Batch] = []

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield batches of this size, of nearly equal sizes where the number is known."""
        sizes: Iterable[int] = ()
        if self.samples is not None:
            sizes = (rows.stop - rows.start for rows in equal_slices(self.samples, size))
        taken, self._taken = self._taken, []
        parts: Iterator[Batch] = itertools.chain(taken, self._parts())
        first = next(parts, None)
        if first is None:
            raise self._nothing()
        parts = itertools.chain([first], parts)
        yield from _recut(parts, itertools.chain(sizes, itertools.repeat(size)))

    def head(self, count: int) -> Batch:
        """Return the first samples."""
        taken, parts = list(self._taken), self._parts()
        while sum(map(len, taken)) < count:
            part = next(parts, None)
            if part is None:
                break
            taken.append(part)
        if not taken:
            raise self._nothing()
        if self.once:
            self._taken = taken
        return joined(taken)

    def some(self, count: int) -> Batch:
        """Return some of the samples, in their order; only these are held in memory."""
        rng, kept, keys = np.random.default_rng(0), list[Batch](), np.zeros(0)
        for batch in self.batches(_DRAWN):
            whole = joined([*kept, batch])
            keys = np.concatenate([keys, rng.random(len(batch))])
            rows = np.sort(np.argsort(keys)[:count])
            kept, keys = [whole.part(rows)], keys[rows]
        return kept[0]

    def again(self) -> Source:
        """Return this stream; its samples in memory where it can be read only once."""
        return self.held() if self.once else self

    def held(self) -> Arrays:
        """Return all samples in memory."""
        parts = list(itertools.chain(self._taken, self._parts()))
        if not parts:
            raise self._nothing()
        return Arrays(joined(parts))

    def _nothing(self) -> DataError:
        before = ", or was read before; give a new one, or a list of it" if self.once else ""
        return DataError(f"data: the {self.what} yields no sample{before}; allowed: at least one")

    def _parts(self) -> Iterator[Batch]:
        """Yield what the stream yields, from its beginning if it can be read again."""
        if not self.once:
            return self._read()
        if self._rest is None:
            self._rest = self._read()
        return self._rest

    def _read(self) -> Iterator[Batch]:
        alone: list[Batch] = []
        for chunk in self._chunks():
            if not self.layout.holds_one(chunk):
                batch = self.layout.batch(chunk, streamed=True)
                self.expected = self.expected or (self._length or 0) * len(batch)
                yield batch
                continue
            self.expected = self.expected or self._length or 0
            alone.append(self.layout.batch(_with_axis(self.layout, chunk), streamed=True))
            if len(alone) == _TOGETHER:
                yield joined(alone)
                alone = []
        if alone:
            yield joined(alone)


def inputs(source: Source, size: int) -> Iterator[list[np.ndarray]]:
    """Yield only the samples of all batches, as float32, one array per input."""
    for batch in source.batches(size):
        yield [array.astype("float32") for array in batch.x]


def _with_axis(layout: Layout, chunk: Any) -> Any:
    """Return a single sample as a batch of one."""
    x, y, weights = layout.parted(chunk, streamed=True)
    inputs = _widened(x, len(layout.inputs))
    if y is None:
        return inputs
    own = [] if weights is None else [as_array(weights, "sample weights")[None]]
    return (inputs, _widened(y, len(layout.outputs)), *own)


def _widened(value: Any, count: int) -> Any:
    """Return the values of one sample, of which there are `count`, with an axis for samples."""
    if isinstance(value, Mapping):
        return {name: as_array(item, f"data for {name}")[None] for name, item in value.items()}
    if count > 1 and isinstance(value, (list, tuple)):
        return [as_array(item, "data")[None] for item in value]
    return as_array(value, "data")[None]


def _recut(parts: Iterable[Batch], sizes: Iterator[int]) -> Iterator[Batch]:
    """Yield the samples of all parts in batches of these sizes; the last one may be smaller."""
    waiting: list[Batch] = []
    size = next(sizes)
    for part in parts:
        waiting.append(part)
        while sum(map(len, waiting)) >= size:
            whole = joined(waiting)
            yield whole.part(slice(size))
            rest = whole.part(slice(size, None))
            waiting, size = ([rest] if len(rest) else []), next(sizes)
    if waiting:
        yield joined(waiting)
