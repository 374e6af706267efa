"""Inputs and labels of a network, found in what a data set yields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spkeras.data.batches import refuse_nan
from spkeras.data.values import as_array, is_array, shape_of
from spkeras.errors import DataError
from spkeras.graph import Graph

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples that run together.

    Attributes:
        x: One array (samples, ...) per input; (samples, frames, ...) for frames in time.
        y: Labels or targets, one array per output, or None for an output without; None where
            no output has any.
        weights: One number per sample, or None.
    """

    x: list[np.ndarray]
    y: list[np.ndarray | None] | None = None
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.x[0])

    def part(self, rows: slice | np.ndarray) -> "Batch":
        """Return some of the samples."""
        y = None if self.y is None else [None if a is None else a[rows] for a in self.y]
        weights = None if self.weights is None else self.weights[rows]
        return Batch([array[rows] for array in self.x], y, weights)

    @property
    def targets(self) -> np.ndarray | list[np.ndarray | None] | None:
        """Labels in the form that scores take: an array, or a list for several outputs."""
        return self.y[0] if self.y is not None and len(self.y) == 1 else self.y


def joined(batches: Sequence[Batch]) -> Batch:
    """Return several batches as one."""
    first = batches[0]
    if len(batches) == 1:
        return first
    x = [_whole("inputs", parts) for parts in zip(*(b.x for b in batches), strict=True)]
    outputs = max(len(b.y or ()) for b in batches)
    y = [_whole("labels", [b.y[i] if b.y else None for b in batches]) for i in range(outputs)]
    weights = _whole("weights", [b.weights for b in batches])
    return Batch([a for a in x if a is not None], y or None, weights)


def _whole(what: str, parts: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """Return the arrays of several batches as one; None where none of them has any."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    shapes = sorted({part.shape[1:] for part in known})
    if len(known) < len(parts):
        raise DataError(f"data: received {what} in some batches; allowed: in all, or in none")
    if len(shapes) > 1:
        found = " and ".join(map(str, shapes))
        raise DataError(
            f"data: received {what} of shapes {found}; allowed: one shape in all batches"
        )
    return np.concatenate(known)


@dataclass(frozen=True)
class Layout:
    """Names and shapes of the inputs and outputs of a network.

    Attributes:
        inputs: Shape of each input without the batch, by name.
        outputs: Names of the outputs.
        dtypes: Type of the values of each input.
        labels: Whether labels are wanted; if not, those of the data are left out.
        frames: Steps of frames in time, (samples, frames, ...), which samples may be; 0 for none.
    """

    inputs: Mapping[str, Shape]
    outputs: tuple[str, ...]
    dtypes: tuple[str, ...]
    labels: bool = True
    frames: int = 0

    @classmethod
    def of(cls, graph: Graph, *, labels: bool = False, frames: int = 0) -> "Layout":
        """Return the layout of a graph."""
        names = (name.removesuffix(":readout").removesuffix(":linear") for name in graph.outputs)
        nodes = graph.of("input")
        types = tuple(node["dtype"] for node in nodes)
        shapes = {node.name: node.shape for node in nodes}
        return cls(shapes, tuple(names), types, labels=labels, frames=frames)

    @classmethod
    def of_model(cls, model: Any) -> "Layout":
        """Return the layout of a Keras model."""
        inputs = {tensor.name: tuple(tensor.shape[1:]) for tensor in model.inputs}
        types = tuple(str(tensor.dtype) for tensor in model.inputs)
        # A Sequential model has no names of outputs.
        names = getattr(model, "output_names", [model.layers[-1].name])
        return cls(inputs, tuple(names), types)

    def batch(self, data: Any, y: Any = None, streamed: bool = False) -> Batch:
        """Return samples, and their labels, as arrays.

        Args:
            data: Samples; for several inputs a list of them, or a mapping by name; or these in a
                tuple with labels, (x, y), and with weights, (x, y, w).
            y: Labels, if `data` has none.
            streamed: Whether `data` is what a stream yields.

        Raises:
            DataError: another number of inputs, another shape, no number, NaN, or no sample.
        """
        x, own, weights = self.parted(data, streamed)
        if own is not None and y is not None:
            raise DataError(
                f"data: received labels in the data ({type(data).__name__}) and as y; allowed: "
                "one of them"
            )
        arrays = self._inputs(x)
        labels = self._labels(own if own is not None else y, len(arrays[0]))
        return Batch(arrays, labels, _weights(weights, len(arrays[0])))

    def parted(self, data: Any, streamed: bool = False) -> tuple[Any, Any, Any]:
        """Return samples, labels and weights; None for what is absent.

        Args:
            data: Samples, or a list or tuple of these.
            streamed: Whether `data` is what a stream yields: one sample or a batch.
        """
        if not isinstance(data, (list, tuple)) or not self._labelled(data, streamed):
            return data, None, None
        x, *others = data
        return (x, *others, *[None] * (2 - len(others)))

    def holds_one(self, data: Any) -> bool:
        """Return whether what a stream yields is one sample instead of a batch."""
        x, y, _ = self.parted(data, streamed=True)
        first, shape = next(iter(self.inputs.items()))
        if isinstance(x, Mapping):
            x = x.get(first)
        elif len(self.inputs) > 1 and isinstance(x, (list, tuple)) and x:
            x = x[0]
        own = shape_of(x)
        if own is None or own == shape:
            return own is not None
        # Frames of one sample look like a batch of samples, except for their label.
        label = next(iter(y.values()), None) if isinstance(y, Mapping) else y
        in_time = self.frames > 0 and own[1:] == shape
        return in_time and label is not None and shape_of(label) == ()

    def _labelled(self, data: Sequence[Any], streamed: bool) -> bool:
        """Return whether a list or tuple is (x,), (x, y) or (x, y, w)."""
        if not 1 <= len(data) <= 3:
            return False
        first, count = data[0], len(self.inputs)
        if isinstance(first, Mapping):
            return True
        if count > 1:
            parts = isinstance(first, (list, tuple)) and len(first) == count
            return parts and not is_array(first) and all(map(self._fits, first, self._shapes))
        shape, own = self._shapes[0], shape_of(first)
        if len(data) == 1:
            # [x] as Keras takes it, unless it is a list of one sample.
            return own != shape
        # Samples of a list have one shape.
        differing = len({shape_of(item) for item in data}) > 1
        if own == shape:
            return streamed and (differing or isinstance(data, tuple))
        # Loaders yield (x, y) as a list; in other lists, arrays of one shape are inputs.
        if self._fits(first, shape):
            return differing or streamed or isinstance(data, tuple)
        return differing and isinstance(data, tuple)

    @property
    def _shapes(self) -> list[Shape]:
        return list(self.inputs.values())

    def _fits(self, value: Any, shape: Shape) -> bool:
        own = shape_of(value)
        if own is None:
            return False
        time = 1 if self.frames else 0
        return own == shape or own[1:] == shape or (time == 1 and own[2:] == shape)

    def _inputs(self, x: Any) -> list[np.ndarray]:
        names = list(self.inputs)
        given = [x]
        if isinstance(x, Mapping):
            given = self._by_name(x, names, "input")
        elif len(names) > 1 and isinstance(x, (list, tuple)):
            given = list(x)
        if len(given) != len(names):
            raise DataError(
                f"data: received {len(given)} inputs, the network has {len(names)} "
                f"({', '.join(names)})"
            )
        arrays = [
            self._input(value, name, shape)
            for value, (name, shape) in zip(given, self.inputs.items(), strict=True)
        ]
        lengths = {len(array) for array in arrays}
        if len(lengths) != 1 or lengths == {0}:
            raise DataError(f"data: {sorted(lengths)} samples; allowed: one number, at least 1")
        return arrays

    def _input(self, value: Any, name: str, shape: Shape) -> np.ndarray:
        where, sizes = f"data for {name}", ", ".join(map(str, shape))
        if value is None:
            raise DataError(f"{where}: received None; allowed: an array (samples, {sizes})")
        array = as_array(value, where)
        allowed = f"(samples, {sizes})"
        if self.frames:
            allowed += f", or frames in time (samples, steps, {sizes})"
        if array.ndim == 0:
            raise DataError(
                f"{where}: received one value ({type(value).__name__}); allowed: an array {allowed}"
            )
        times = (1, 2) if self.frames else (1,)
        if not any(
            array.ndim == len(shape) + time and array.shape[time:] == shape for time in times
        ):
            raise DataError(
                f"{where}: received shape {array.shape}, allowed: {allowed}"
                f"{shape_hint(array.shape, shape)}"
            )
        refuse_nan(name, array)
        return array

    def _labels(self, y: Any, count: int) -> list[np.ndarray | None] | None:
        if y is None or not self.labels:
            return None
        names, given = list(self.outputs), [y]
        if isinstance(y, Mapping):
            given = self._by_name(y, names, "output")
        elif len(names) > 1 and isinstance(y, (list, tuple)):
            given = list(y)
        if len(given) > len(names):
            raise DataError(f"targets: received {len(given)}, the network has outputs {names}")
        return [
            None if value is None else self._label(value, f"targets of {name}", count)
            for value, name in zip(given, names, strict=False)
        ]

    def _label(self, value: Any, where: str, count: int) -> np.ndarray:
        array = as_array(value, where)
        if not array.ndim or len(array) != count:
            length = len(array) if array.ndim else "one number"
            raise DataError(f"{where}: {length} for {count} samples")
        return array

    def _by_name(self, given: Mapping[str, Any], names: list[str], what: str) -> list[Any]:
        if set(given) != set(names) and not (what == "output" and set(given) <= set(names)):
            raise DataError(
                f"data: received a {type(given).__name__} with {sorted(map(str, given))}; allowed: "
                f"the names of each {what}, {names}"
            )
        return [given.get(name) for name in names]


def shape_hint(received: Shape, wanted: Shape) -> str:
    """Return a clause with the way out of a wrong shape, or nothing.

    Args:
        received: Shape with the samples.
        wanted: Shape without.
    """
    own = received[1:]
    if own == (*wanted[-1:], *wanted[:-1]) and len(wanted) == 3:
        return "; the data have their channels first: x.transpose(0, 2, 3, 1)"
    if received == wanted:
        return "; give a single sample as x[None]"
    if (*own, 1) == wanted:
        return "; add the axis of channels: x[..., None]"
    if len(received) == len(wanted) + 2 and received[2:] == wanted:
        return "; frames in time are taken by evaluate: give their mean, x.mean(axis=1)"
    return ""


def _weights(weights: Any, count: int) -> np.ndarray | None:
    if weights is None:
        return None
    array = as_array(weights, "sample weights").reshape(-1)
    wrong = array[~(np.isfinite(array) & (array >= 0))]
    if len(array) != count or len(wrong):
        received = f"{wrong[0]:g}" if len(wrong) else f"{len(array)} numbers for {count} samples"
        raise DataError(
            f"sample weights: received {received}; allowed: one finite number from 0 for each sample"
        )
    return array.astype(np.float64)
