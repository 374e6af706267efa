"""One call of one layer, as handlers receive it, with methods that add nodes to the graph."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from spkeras.errors import UnsupportedLayerError
from spkeras.graph import Node
from spkeras.graph.windows import LONGEST
from spkeras.ops.arrays import Float32Array
from spkeras.ops.memory import values_of

FIRST = "channels_first"

# Operations whose result may be one number per sample without an axis; others need channels.
_WITHOUT_AXES = ("add", "reshape", "subtract")


@dataclass(frozen=True)
class Port:
    """A Keras tensor: the node that holds its value, and its order of axes there.

    Attributes:
        name: Name of the node.
        shape: The node's shape, without the batch axis.
        first: Whether Keras has the channels first where the node has them last.
    """

    name: str
    shape: tuple[int, ...]
    first: bool = False

    @property
    def keras_shape(self) -> tuple[int, ...]:
        """Shape of the Keras tensor, without the batch axis."""
        return (self.shape[-1], *self.shape[:-1]) if self.first else self.shape

    def axis(self, axis: int) -> int:
        """Return the index into `shape` of a Keras axis (1 is the first one after the batch)."""
        rank = len(self.shape)
        index = axis - 1 if axis > 0 else axis + rank
        return (index - 1) % rank if self.first else index


@dataclass
class Call:
    """One call of a layer or operator, as its handler receives it.

    Attributes:
        operation: The Keras layer or operator.
        name: Name for the last node of the expansion, unique in the graph.
        source: Path of the layer, the same for each of its calls.
        inputs: The tensors that it was called with, in order.
        args: Its positional arguments, with a `Port` for each tensor.
        kwargs: Its keyword arguments, also with a `Port` for each tensor.
        shapes: Shapes of its outputs in Keras's order, without the batch axis.
        known: All nodes of the graph so far, by name.
        dtypes: Keras's dtypes of the inputs, followed by that of the first output.
        added: Names of the nodes added for this call.
        walk: Adds the nodes of a functional model, given the ports of its inputs.
    """

    operation: Any
    name: str
    source: str
    inputs: tuple[Port, ...]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    shapes: tuple[tuple[int, ...], ...]
    known: dict[str, Node]
    dtypes: tuple[str, ...] = ()
    added: list[str] = field(default_factory=list)
    walk: Callable[[keras.Model, Sequence[Port]], list[Port]] | None = None

    @property
    def kind(self) -> str:
        """Name of the Keras class."""
        return type(self.operation).__name__

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the only output, in Keras's order."""
        return self.shapes[0]

    @property
    def input(self) -> Port:
        """The only input tensor."""
        if len(self.inputs) != 1:
            raise self.refuse(f"called with {len(self.inputs)} tensors", "call it with one")
        return self.inputs[0]

    def refuse(self, received: str, remedy: str) -> UnsupportedLayerError:
        """Return the error with what was received and what to do; the handler raises it."""
        return UnsupportedLayerError([f"{self.source} ({self.kind}): {received}; {remedy}"])

    def given(self) -> Mapping[str, Any]:
        """Return the arguments of the call by name, without those left out."""
        names = inspect.signature(type(self.operation).call)
        # A wrapper passes its arguments on: None has no effect on a layer without that argument.
        passed = {
            name: value
            for name, value in self.kwargs.items()
            if value is not None or name in names.parameters
        }
        try:
            return names.bind(None, *self.args, **passed).arguments
        except TypeError:
            raise self.refuse("further arguments", "call it only with its tensors") from None

    def without_mask(self) -> Mapping[str, Any]:
        """Return the arguments of the call; refuse a mask, which leaves out steps by values."""
        given = self.given()
        if given.get("mask") is not None:
            raise self.refuse(
                "a mask",
                "call it without a mask, on sequences of one length (no Masking, no mask_zero)",
            )
        return given

    def need_floats(self, *, inputs: bool = False) -> None:
        """Refuse arithmetic that Keras does in integers, which truncates and wraps around.

        Args:
            inputs: Whether one of the inputs must hold floats, too.
        """
        groups = [self.dtypes[-1:], self.dtypes[:-1] if inputs else ()]
        for dtypes in filter(None, groups):
            if not any("float" in dtype for dtype in dtypes):
                raise self.refuse(f"arithmetic in {dtypes[0]}", "cast to float32 before")

    def of(self, operation: keras.Operation) -> "Call":
        """Return this call with another layer in place of the called one (a wrapped one)."""
        return replace(self, operation=operation)

    def add(
        self,
        op: str,
        inputs: Sequence[Port],
        shape: Sequence[int],
        attributes: Mapping[str, Any] | None = None,
        arrays: Mapping[str, np.ndarray | None] | None = None,
        *,
        piece: str = "",
        first: bool = False,
    ) -> Port:
        """Add a node and return its port; the node is named after its `piece` for now.

        Args:
            op: Operation of the vocabulary.
            inputs: Ports that the node reads.
            shape: Shape of the node, channels last.
            attributes: Plain values of the operation.
            arrays: Constants of the operation; None for one that it does not have.
            piece: Name of this piece, where the name of the operation would not be unique.
            first: Whether Keras has the channels of this value first.
        """
        if not shape and op not in _WITHOUT_AXES:
            raise self._without_axes()
        for key in ("strides", "dilation", "pool_size"):
            if max((attributes or {}).get(key, ()), default=0) > LONGEST:
                raise self.refuse(f"{key} above {LONGEST}", "give sizes that a map can have")
        name = _unused(f"{self.name}:{piece or op}", self.known)
        given = {key: array for key, array in (arrays or {}).items() if array is not None}
        reads = tuple(port.name for port in inputs)
        self.known[name] = Node(
            name=name,
            op=op,
            inputs=reads,
            shape=tuple(shape),
            attributes=attributes or {},
            arrays=given,
            source=self.source,
        )
        self.added.append(name)
        return Port(name, tuple(shape), first)

    def _without_axes(self) -> UnsupportedLayerError:
        return self.refuse(
            "one number per sample, without an axis", "keep an axis of size one (keepdims=True)"
        )

    def keras_order(self, port: Port) -> Port:
        """Return the tensor with its axes in Keras's order."""
        return self._turned(port, "channels_first", to_last=False) if port.first else port

    def channels_last(self, port: Port, data_format: str = "channels_last") -> Port:
        """Return the tensor with its channels last, for a layer of that data format."""
        if data_format != FIRST or len(port.shape) == 1:
            return self.keras_order(port)
        if port.first:
            return replace(port, first=False)
        return self._turned(port, "channels_last", to_last=True)

    def _turned(self, port: Port, suffix: str, *, to_last: bool) -> Port:
        """Return `port` after a permutation; all calls that need it share one node."""
        rank = len(port.shape)
        axes = (*range(2, rank + 1), 1) if to_last else (rank, *range(1, rank))
        shape = tuple(port.shape[axis - 1] for axis in axes)
        name = f"{port.name}:{suffix}"
        if name not in self.known:
            source = self.known[port.name].source
            self.known[name] = Node(
                name=name,
                op="permute",
                inputs=(port.name,),
                shape=shape,
                attributes={"axes": axes},
                source=source,
            )
            self.added.append(name)
        return Port(name, shape)

    def array(self, port: Port, value: ArrayLike) -> np.ndarray:
        """Return a constant that Keras broadcasts against `port`, in the node's order of axes.

        Leading axes of size one are left out: a value per channel has one axis, a number
        has the shape (1,).
        """
        array = np.asarray(value, "float64")
        rank = len(port.shape)
        if not rank:
            raise self._without_axes()
        if array.ndim > rank + 1 or (array.ndim == rank + 1 and array.shape[0] != 1):
            raise self.refuse(
                f"a constant of shape {array.shape} for values of shape {port.keras_shape}",
                "use a constant without a batch axis",
            )
        array = array.reshape((1,) * (rank - array.ndim) + array.shape[-rank:])
        if port.first:
            array = np.moveaxis(array, 0, -1)
        while array.ndim > 1 and array.shape[0] == 1:
            array = array[0]
        return array.astype("float32")

    def affine(
        self, port: Port, scale: ArrayLike, offset: ArrayLike | None = None, *, piece: str = "scale"
    ) -> Port:
        """Add x * scale + offset; constants broadcast against the tensor as in Keras."""
        self.need_floats()
        arrays = {"scale": self.array(port, scale)}
        if offset is not None and np.any(np.asarray(offset)):
            arrays["offset"] = self.array(port, offset)
        self._same_shape(port, arrays)
        return self.add("scale", [port], port.shape, arrays=arrays, piece=piece, first=port.first)

    def _same_shape(self, port: Port, arrays: Mapping[str, np.ndarray]) -> None:
        full = np.broadcast_shapes(port.shape, *(array.shape for array in arrays.values()))
        if full != port.shape:
            raise self.refuse(
                f"a constant that widens {port.keras_shape} to {full}",
                "use a constant of the tensor's shape",
            )


Handler = Callable[[Call], "Port | list[Port]"]


def weight(variable: keras.Variable) -> Float32Array:
    """Return a weight as a float32 array, read-only where it is one."""
    return values_of(variable).astype(np.float32, copy=False)


def optional(variable: keras.Variable | None) -> Float32Array | None:
    """Return a weight as a float32 array; None if the layer does not have it."""
    return None if variable is None else weight(variable)


def _unused(name: str, known: Mapping[str, Node]) -> str:
    count = 1
    candidate = name
    while candidate in known:
        count += 1
        candidate = f"{name}{count}"
    return candidate
