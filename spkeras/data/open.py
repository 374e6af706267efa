"""Data as users hold them, opened as a source of batches for a network."""

import inspect
import operator
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from spkeras.data.events import framed
from spkeras.data.fit import Wanted, fitted
from spkeras.data.layout import Batch, Layout
from spkeras.data.read import read_data
from spkeras.data.samples import Data
from spkeras.data.source import Arrays, Source, Streamed
from spkeras.data.values import is_array
from spkeras.errors import DataError
from spkeras.graph import Graph
from spkeras.ops.log import warn

# Samples, with or without labels, in every form that `open_data` takes.
DataLike: TypeAlias = (
    ArrayLike | Mapping[str, ArrayLike] | Iterable[object] | Data | str | os.PathLike[str] | None
)
ALLOWED = (
    "an array or a list of samples, (x, y), a mapping from names of inputs to arrays, a tf.data "
    "Dataset, a keras.utils.PyDataset, a torch DataLoader, a generator of batches, a table of "
    "pandas, the path of a file or folder, or the name of a data set"
)


def open_data(
    layout: Layout, data: DataLike | Source, y: object = None, *, part: str = "train"
) -> Source:
    """Return the samples of a data set, in the form that a network takes.

    Arrays and what turns into arrays are held in memory; a stream is read batch by batch.

    Args:
        layout: Inputs and outputs of the network.
        data: Samples, also with labels (x, y) and weights (x, y, w): see `ALLOWED`; or a source
            that was opened for the same network.
        y: Labels, if `data` has none.
        part: Part of a named data set, "train" or "test".

    Raises:
        DataError: another type, number of inputs or shape; no number; NaN; no sample; a stream
            without end.
    """
    if isinstance(data, (Arrays, Streamed)):
        return data
    if isinstance(data, (str, os.PathLike)):
        shape = next(iter(layout.inputs.values()), ())
        data = read_data(os.fspath(data), part=part, image_size=shape)
    if isinstance(data, Data):
        return Arrays(_batch_of(layout, data, y))
    if data is None:
        raise DataError(f"data: received None; allowed: {ALLOWED}")
    data = _spikes(layout, data)
    if isinstance(data, (list, tuple, Mapping)) or is_array(data):
        return Arrays(layout.batch(data, y))
    stream = _stream(data, layout)
    if y is not None:
        raise DataError(
            f"data: received {stream.what} and y; allowed: a stream that yields (x, y), without y"
        )
    return stream


def _spikes(layout: Layout, data: Any) -> Any:
    """Return data with recordings of events as frames in time, where the network may take these."""
    if not layout.frames:
        return data
    return framed(data, next(iter(layout.inputs.values()), ()), layout.frames)


def as_samples(graph: Graph, data: DataLike | Source) -> list[np.ndarray]:
    """Return all samples in memory, as one array per input of the graph.

    Raises:
        DataError: see `open_data`.
    """
    return open_data(Layout.of(graph), data).held().batch.x


def _batch_of(layout: Layout, data: Data, y: object) -> Batch:
    for text in data.notes:
        warn(text)
    x = list(data.x)
    if len(layout.inputs) == len(x):
        wanted = zip(x, layout.inputs.items(), layout.dtypes, strict=True)
        x = [
            fitted(data.name, a, Wanted(name, shape, kind), layout.frames > 0)
            for a, (name, shape), kind in wanted
        ]
    own = list(data.y) if isinstance(data.y, tuple) else data.y
    return layout.batch((x if len(x) > 1 else x[0], own) if own is not None else x, y)


def _stream(data: Any, layout: Layout) -> Streamed:
    """Return a stream; its type is found by what it can do, without an import of its library."""
    what = type(data).__name__
    if hasattr(data, "element_spec"):
        return _tf_stream(data, layout, what)
    # Of the type: as a property of a PyDataset without a length it raises an error.
    if hasattr(type(data), "num_batches") or (
        hasattr(data, "__getitem__") and hasattr(data, "__len__")
    ):
        count = _length(data, what)
        return Streamed(
            lambda: (_spikes(layout, data[i]) for i in range(count)),
            layout,
            what=what,
            length=count,
        )
    if hasattr(data, "__iter__"):
        once = iter(data) is data
        length = operator.length_hint(data, 0) if hasattr(data, "__len__") else 0
        return Streamed(_spiking(layout, data), layout, what=what, length=length or None, once=once)
    call = "; call it, and give what it returns" if inspect.isroutine(data) else ""
    raise DataError(f"data: received {what}{call}; allowed: {ALLOWED}")


def _spiking(layout: Layout, data: Iterable[Any]) -> Callable[[], Iterator[Any]]:
    return lambda: (_spikes(layout, item) for item in data)


def _iterator(data: Iterable[Any]) -> Callable[[], Iterator[Any]]:
    return lambda: iter(data)


def _length(data: Any, what: str) -> int:
    """Return the number of batches, or of samples, that can be read by their index."""
    count: int | None
    try:
        count = data.num_batches if hasattr(type(data), "num_batches") else len(data)
    except (TypeError, NotImplementedError):
        count = None
    if count is None:
        raise DataError(
            f"data: the {what} has no end; give it a length (__len__, num_batches), or "
            "itertools.islice(data, n)"
        )
    return int(count)


def _tf_stream(data: Any, layout: Layout, what: str) -> Streamed:
    """Return a tf.data.Dataset as a stream."""
    count = int(data.cardinality()) if hasattr(data, "cardinality") else -2
    if count == -1:
        raise DataError(f"data: the {what} repeats without end; give data.take(n)")
    length = None if count < 0 else count
    return Streamed(_iterator(data), layout, what=what, length=length)
