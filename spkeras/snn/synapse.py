"""Each linear node of a graph as a Keras layer (and the few others a read-out may need)."""

import functools
import re
from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from spkeras.errors import GraphError
from spkeras.graph import Node
from spkeras.ops import activation, function
from spkeras.ops.types import ShapeLike, Tensor


@keras.saving.register_keras_serializable(package="spkeras")
class Affine(layers.Layer):
    """x * scale + offset, with constants that broadcast against x.

    Args:
        scale_shape: Shape of the scale, or None for no scale.
        offset_shape: Shape of the offset, or None for no offset.
    """

    def __init__(self, scale_shape: Any = None, offset_shape: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale_shape, self.offset_shape = scale_shape, offset_shape
        self.scale = self._constant("scale", scale_shape, "ones")
        self.offset = self._constant("offset", offset_shape, "zeros")
        self.built = True

    def _constant(self, name: str, shape: Any, initializer: str) -> Any:
        if shape is None:
            return None
        return self.add_weight(
            shape=tuple(shape), initializer=initializer, trainable=False, name=name
        )

    def call(self, x: Tensor) -> Tensor:
        """The affine map."""
        x = x if self.scale is None else x * self.scale
        return x if self.offset is None else x + self.offset

    def compute_output_shape(self, input_shape: ShapeLike) -> ShapeLike:
        """As the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"scale_shape": self.scale_shape, "offset_shape": self.offset_shape}
        return {**super().get_config(), **own}


class Unit(layers.Layer):
    """Divides an input by what a full current, or one spike, stands for."""

    def __init__(self, shape: tuple[int, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = self.add_weight(shape=shape, initializer="ones", trainable=False, name="scale")
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        """x in the unit."""
        return ops.cast(x, "float32") / self.scale


class _Function(layers.Layer):
    """A function of its input(s) without weights; lives inside a spike loop only."""

    def __init__(self, function: Callable[..., Any], shape: tuple[int, ...], name: str) -> None:
        super().__init__(name=name)
        self.function, self.shape = function, shape
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        return self.function(x)

    def compute_output_shape(self, input_shape: ShapeLike) -> ShapeLike:
        first = input_shape[0] if isinstance(input_shape, list) else input_shape
        return (first[0], *self.shape)


class WindowSum(layers.Layer):
    """A linear layer on sums over a window of T steps: its constant counts once a step.

    Input shape:
        `[*inputs, timesteps]`, the last one (1,).
    """

    def __init__(self, layer: layers.Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer = layer
        self.built = True

    def call(self, inputs: list[Tensor]) -> Tensor:
        """The layer's sum over the window."""
        *summed, timesteps = inputs
        result = self.layer(summed if len(summed) > 1 else summed[0])
        constant = getattr(self.layer, "offset" if isinstance(self.layer, Affine) else "bias", None)
        return result if constant is None else result + (timesteps - 1) * constant

    def compute_output_spec(self, inputs: list[Tensor]) -> Tensor:
        """As the layer's."""
        *summed, _ = inputs
        return self.layer.compute_output_spec(summed if len(summed) > 1 else summed[0])


def _ranked(stem: str, rank: int, suffix: str = "") -> Any:
    return getattr(layers, f"{stem}{rank}D{suffix}")


def _window(node: Node) -> tuple[int, tuple[int, ...]]:
    kernel = node.arrays["kernel"]
    return kernel.ndim - 2, kernel.shape[: kernel.ndim - 2]


def _conv(node: Node) -> layers.Layer:
    rank, window = _window(node)
    return _ranked("Conv", rank)(
        node.arrays["kernel"].shape[-1],
        window,
        strides=node["strides"],
        padding=node["padding"],
        dilation_rate=node["dilation"],
        groups=node["groups"],
        use_bias="bias" in node.arrays,
    )


def _depthwise_conv(node: Node) -> layers.Layer:
    rank, window = _window(node)
    return _ranked("DepthwiseConv", rank)(
        window,
        strides=node["strides"],
        padding=node["padding"],
        dilation_rate=node["dilation"],
        depth_multiplier=node.arrays["kernel"].shape[-1],
        use_bias="bias" in node.arrays,
    )


def _conv_transpose(node: Node) -> layers.Layer:
    rank, window = _window(node)
    return _ranked("Conv", rank, "Transpose")(
        node.arrays["kernel"].shape[-2],
        window,
        strides=node["strides"],
        padding=node["padding"],
        dilation_rate=node["dilation"],
        output_padding=node["output_padding"],
        use_bias="bias" in node.arrays,
    )


def _dense(node: Node) -> layers.Layer:
    return layers.Dense(node.arrays["kernel"].shape[-1], use_bias="bias" in node.arrays)


def _affine(node: Node) -> layers.Layer:
    shapes = {key: array.shape for key, array in node.arrays.items()}
    return Affine(shapes.get("scale"), shapes.get("offset"))


def _pool(stem: str) -> Callable[[Node], layers.Layer]:
    def make(node: Node) -> layers.Layer:
        rank = len(node["pool_size"])
        return _ranked(stem, rank)(node["pool_size"], node["strides"], node["padding"])

    return make


def _global_pool(reduce: Callable[..., Any]) -> Callable[[Node], layers.Layer]:
    def make(node: Node) -> layers.Layer:
        keepdims = node["keepdims"]
        return _function(node, lambda x: reduce(x, tuple(range(1, len(x.shape) - 1)), keepdims))

    return make


def _function(node: Node, function: Callable[..., Any]) -> layers.Layer:
    return _Function(function, node.shape, keras_name(node.name))


def silence(node: Node) -> layers.Layer:
    """A layer that gives the node's value while it sends nothing, for the batch of any input."""
    return _Function(
        lambda x: ops.zeros((ops.shape(x)[0], *node.shape)), node.shape, keras_name(node.name)
    )


def _resize(stem: str) -> Callable[[Node], layers.Layer]:
    def make(node: Node) -> layers.Layer:
        amounts = node["amounts"]
        layer = _ranked(stem, len(amounts))
        return layer(amounts if len(amounts) > 1 else tuple(amounts[0]))

    return make


def _upsample(node: Node) -> layers.Layer:
    size = tuple(node["size"])
    if len(size) == 2:
        return layers.UpSampling2D(size, interpolation=node["interpolation"])
    return _ranked("UpSampling", len(size))(size if len(size) > 1 else size[0])


def _activation(node: Node) -> layers.Layer:
    skipped = ("function",)
    numbers = {key: value for key, value in node.attributes.items() if key not in skipped}
    if "slope" in node.arrays:
        return layers.PReLU(shared_axes=_shared_axes(node))
    return _function(node, lambda x: activation.apply(node["function"], x, numbers))


def _shared_axes(node: Node) -> list[int]:
    slope = node.arrays["slope"].shape
    slope = (1,) * (len(node.shape) - len(slope)) + tuple(slope)
    pairs = enumerate(zip(slope, node.shape, strict=True), start=1)
    return [axis for axis, (own, full) in pairs if own == 1 and full != 1]


def _function_of(node: Node) -> layers.Layer:
    numbers = {key: value for key, value in node.attributes.items() if key != "function"}
    compute = functools.partial(function.apply, node["function"], numbers=numbers)
    layer = _function(node, lambda x: compute(x if isinstance(x, (list, tuple)) else [x]))
    if "weight" in node.arrays:
        shape = node.arrays["weight"].shape
        layer.weight = numbers["weight"] = layer.add_weight(shape, trainable=False, name="weight")
    return layer


def _merge(layer: type[layers.Layer]) -> Callable[[Node], layers.Layer]:
    return lambda node: layer()


_MAKERS: dict[str, Callable[[Node], layers.Layer]] = {
    "input": lambda node: Unit(node.arrays["scale"].shape),
    "conv": _conv,
    "depthwise_conv": _depthwise_conv,
    "conv_transpose": _conv_transpose,
    "dense": _dense,
    "scale": _affine,
    "readout": _affine,
    "pad": _resize("ZeroPadding"),
    "crop": _resize("Cropping"),
    "average_pool": _pool("AveragePooling"),
    "max_pool": _pool("MaxPooling"),
    "global_average_pool": _global_pool(ops.mean),
    "global_max_pool": _global_pool(ops.max),
    "upsample": _upsample,
    "reshape": lambda node: layers.Reshape(node.shape),
    "permute": lambda node: layers.Permute(node["axes"]),
    "add": _merge(layers.Add),
    "subtract": _merge(layers.Subtract),
    "multiply": _merge(layers.Multiply),
    "maximum": _merge(layers.Maximum),
    "minimum": _merge(layers.Minimum),
    "concatenate": lambda node: layers.Concatenate(node["axis"]),
    "activation": _activation,
    "function": _function_of,
}


def synapse(node: Node) -> layers.Layer:
    """A Keras layer that computes the node, with the node's name; weights not yet set.

    Raises:
        GraphError: the node is a neuron.
    """
    maker = _MAKERS.get(node.op, node.operation.layer)
    if maker is None:
        raise GraphError(f"node {node.name!r} ({node.op}) is no synapse")
    layer: layers.Layer = maker(node)
    layer.name = keras_name(node.name) + ("--unit" if node.op == "input" else "")
    layer.trainable = False
    return layer


def keras_name(name: str) -> str:
    """The node's name as a Keras layer may have it.

    "/" separates groups in HDF5 files, PyTorch forbids "." and TensorFlow most other signs.
    Names that would fall together stay apart: the sign's code is part of the new name.
    """
    return re.sub(
        r"[^A-Za-z0-9_-]", lambda sign: {":": "--"}.get(sign[0], f"-{ord(sign[0]):x}-"), name
    )


def load_arrays(layer: layers.Layer, node: Node) -> None:
    """Put the node's arrays into the built layer's weights of the same names."""
    for name, array in node.arrays.items():
        _variable(layer, name).assign(array.reshape(_variable(layer, name).shape))


def read_arrays(layer: layers.Layer, node: Node) -> dict[str, Any]:
    """The node's arrays as the layer's weights have them now."""
    return {
        name: ops.convert_to_numpy(_variable(layer, name)).reshape(array.shape)
        for name, array in node.arrays.items()
    }


def _variable(layer: layers.Layer, name: str) -> keras.Variable:
    own = {"slope": "alpha"}.get(name, name) if isinstance(layer, layers.PReLU) else name
    return getattr(layer, own)
