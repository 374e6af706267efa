"""Keras layers for the nodes of a graph that are no neurons."""

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from spkeras.errors import GraphError
from spkeras.graph import Node
from spkeras.ops import activation, function
from spkeras.ops.memory import given, unset, values_of
from spkeras.ops.names import keras_name
from spkeras.snn.linear import Affine, EachPosition, Function, Unit
from spkeras.snn.positions import separate, without


def _ranked(stem: str, rank: int, suffix: str = "") -> type[layers.Layer]:
    kind: type[layers.Layer] = getattr(layers, f"{stem}{rank}D{suffix}")
    return kind


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
    return Function(function, node.shape, keras_name(node.name))


def silence(node: Node) -> layers.Layer:
    """Return a layer whose output is zero in the node's shape, for the batch of any input."""
    return Function(
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


def _resample(node: Node) -> layers.Layer:
    axis, shape = node["axis"], node.arrays["matrix"].shape

    def compute(x: Any) -> Any:
        lines = ops.matmul(ops.moveaxis(x, axis, -1), layer.matrix)
        return ops.moveaxis(lines, -1, axis)

    layer = _function(node, compute)
    layer.matrix = layer.add_weight(shape, trainable=False, name="matrix")
    return layer


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
    "resample": _resample,
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


# Of the weights that are large: random numbers would take time and memory.
_INITIALIZERS = {"kernel_initializer", "depthwise_initializer"}


def synapse(node: Node) -> layers.Layer:
    """Return a Keras layer that computes the node, with the node's name; its weights are not set.

    Raises:
        GraphError: the node is a neuron.
    """
    maker = _MAKERS.get(node.op, node.operation.layer)
    if maker is None:
        raise GraphError(f"node {node.name!r} ({node.op}) is no synapse")
    count = separate(node)
    layer: layers.Layer = maker(without(node, count))
    for name in _INITIALIZERS & set(vars(layer)):
        setattr(layer, name, unset)
    if count:
        layer = EachPosition(layer, count, node.shape)
    layer.name = keras_name(node.name) + ("--unit" if node.op == "input" else "")
    layer.trainable = False
    return layer


def load_arrays(layer: layers.Layer, node: Node) -> None:
    """Load the node's arrays into the weights of the same names of a built layer."""
    for name, array in node.arrays.items():
        variable = _variable(layer, name)
        variable.assign(given(array.reshape(variable.shape)))


def read_arrays(layer: layers.Layer, node: Node) -> dict[str, Any]:
    """Return the node's arrays as the layer's weights hold them now."""
    return {
        name: values_of(_variable(layer, name)).reshape(array.shape)
        for name, array in node.arrays.items()
    }


def _variable(layer: layers.Layer, name: str) -> keras.Variable:
    own = {"slope": "alpha"}.get(name, name) if isinstance(layer, layers.PReLU) else name
    return getattr(layer, own)
