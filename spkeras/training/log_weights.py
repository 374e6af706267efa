"""The last phase of conversion-aware training: folded batch norm, logarithmic kernels."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from spkeras.errors import UnsupportedLayerError
from spkeras.frontend.walk import read_graph
from spkeras.graph import Graph, Node
from spkeras.graph.operations import WITH_KERNEL
from spkeras.layers import LogConv1D, LogConv2D, LogDense, LogDepthwiseConv2D
from spkeras.ops.log_weights import LogFormat, full_scale_exponent, log_quantize
from spkeras.passes.fold import fold_scales
from spkeras.training.rebuild import all_layers, rebuild

_SCALES = ("BatchNormalization", "Rescaling", "Normalization")
# Layers that train with the values of their kernels' codes, by their Keras class.
_LOG = (LogConv1D, LogConv2D, LogDense, LogDepthwiseConv2D)
_CODED: dict[str, Any] = {layer.__mro__[2].__name__: layer for layer in _LOG}


def folded_scales(model: keras.Model) -> keras.Model:
    """Return the network with batch norm folded into kernels; see `logarithmic`.

    Penalties and constraints of the former kernels are left out.
    """
    return logarithmic(model, None)


def logarithmic(
    model: keras.Model, form: LogFormat | None, *, trainable: bool = True, policy: str | None = None
) -> keras.Model:
    """Return the network with batch norm folded into kernels, and logarithmic kernels.

    Args:
        model: With final activations (`finished`).
        form: Format of the weights; None leaves them as they are.
        trainable: Whether layers keep float kernels beside the codes, for training with a
            straight-through gradient. Layers with three axes and transposed layers get the
            values of the codes. Without it all layers do, and are ordinary Keras layers.
        policy: Keras dtype policy of all layers except the last; None keeps theirs.

    Returns:
        A functional model. A separable convolution becomes one convolution whose kernel is the
        product of its two, since no activation lies between them.

    Raises:
        UnsupportedLayerError: batch norm that cannot be folded into a kernel, or two different ones
            after one layer.
    """
    graph = read_graph(model)
    folded = fold_scales(graph)
    paths = {node.name: node.source for node in graph.nodes}
    _refuse_live(folded, paths)
    last = {id(tensor._keras_history.operation) for tensor in model.outputs}
    parts = _Parts(
        nodes=_weighted_nodes(folded, paths),
        form=form,
        trainable=trainable,
        policy=policy,
        last=last,
    )
    coded = rebuild(model, parts.of, policy)
    for layer, weights in parts.adopted:
        layer.set_weights(weights)
    return coded


def finalized(model: keras.Model) -> keras.Model:
    """Return the trained network with Keras layers, whose kernels have the values of their codes."""
    adopted: list[tuple[Any, list[np.ndarray]]] = []

    def plain(operation: keras.Operation, path: str) -> list[Any] | None:
        kind: Any = type(operation)
        if kind not in _CODED.values():
            return None
        config = {**operation.get_config(), "dtype": "float32"}
        n = config.pop("full_scale")
        form = LogFormat(**config.pop("log_format"))
        kernel, *others = operation.get_weights()
        layer = kind.__mro__[2].from_config(config)
        adopted.append((layer, [log_quantize(kernel, form, n), *others]))
        return [layer]

    result = rebuild(model, plain, "float32")
    for layer, weights in adopted:
        layer.set_weights(weights)
    return result


def policy_of(model: keras.Model) -> str | None:
    """Return the dtype policy of the first layer with weights."""
    kinds = [layer for layer in all_layers(model) if layer.weights]
    return kinds[0].dtype_policy.name if kinds else None


def _refuse_live(folded: Graph, paths: Mapping[str, str]) -> None:
    live = [
        f"{paths.get(node.name) or node.name}: no kernel beside it can take it up; move it directly "
        "after a layer with weights"
        for node in folded.of("scale")
    ]
    if live:
        raise UnsupportedLayerError(live)


def _weighted_nodes(folded: Graph, paths: Mapping[str, str]) -> dict[str, list[Node]]:
    """Return nodes with weights by the path of their layer, one set per layer."""
    found: dict[str, list[Node]] = {}
    for node in folded.of(*WITH_KERNEL):
        found.setdefault(paths[node.name], []).append(node)
    for path, nodes in found.items():
        calls = [node for node in nodes if node.op == nodes[-1].op]
        same = all(_equal(node, calls[0]) for node in calls)
        if not same:
            raise UnsupportedLayerError(
                [
                    f"{path}: is called {len(calls)} times and followed by different batch norms; "
                    "use one layer per call"
                ]
            )
        # A separable convolution is two nodes, any other layer one for each call.
        found[path] = nodes[:2] if nodes[0].op != nodes[-1].op else nodes[:1]
    return found


def _equal(node: Node, other: Node) -> bool:
    return node.arrays.keys() == other.arrays.keys() and all(
        np.array_equal(array, other.arrays[name]) for name, array in node.arrays.items()
    )


class _Parts:
    """Replacements of layers, and the weights that they get."""

    def __init__(
        self,
        nodes: Mapping[str, list[Node]],
        form: LogFormat | None,
        trainable: bool,
        policy: str | None,
        last: set[int],
    ) -> None:
        self.nodes, self.form, self.trainable = nodes, form, trainable
        self.policy, self.last = policy, last
        self.adopted: list[tuple[Any, list[np.ndarray]]] = []

    def of(self, operation: keras.Operation, path: str) -> list[Any] | None:
        """Return the layers to use instead of this one; None for a copy."""
        kind = type(operation).__name__
        if kind in _SCALES:
            # All of them have been folded.
            return [keras.layers.Identity(name=operation.name)]
        if path not in self.nodes:
            return None
        nodes = self.nodes[path]
        kernel = _product(*nodes) if len(nodes) > 1 else nodes[0].arrays["kernel"]
        bias = nodes[-1].array("bias")
        config = {**operation.get_config(), "use_bias": bias is not None}
        if self.policy is not None and id(operation) not in self.last:
            config["dtype"] = self.policy
        if kind.startswith("Separable"):
            config, kind = _one_convolution(config, kernel), kind.removeprefix("Separable")
        layer, kernel = self._coded(kind, config, kernel)
        self.adopted.append((layer, [kernel] if bias is None else [kernel, bias]))
        return [layer]

    def _coded(
        self, kind: str, config: Mapping[str, Any], kernel: np.ndarray
    ) -> tuple[Any, np.ndarray]:
        if self.form is None:
            free = {n: None for n in config if n.endswith(("_regularizer", "_constraint"))}
            return getattr(keras.layers, kind).from_config({**config, **free}), kernel
        n = full_scale_exponent(kernel, self.form)
        if self.trainable and kind in _CODED:
            config = {**config, "log_format": self.form.to_dict(), "full_scale": n}
            return _CODED[kind].from_config(config), kernel
        plain = getattr(keras.layers, kind).from_config(config)
        return plain, log_quantize(kernel, self.form, n)


def _product(depthwise: Node, pointwise: Node) -> np.ndarray:
    """Return the kernel of both, (*window, channels in, channels out)."""
    first, second = depthwise.arrays["kernel"], pointwise.arrays["kernel"]
    channels, multiplier = first.shape[-2:]
    second = second.reshape(channels, multiplier, -1)
    product: np.ndarray = np.einsum("...cm,cmo->...co", first, second)
    return product.astype(np.float32)


def _one_convolution(config: Mapping[str, Any], kernel: np.ndarray) -> dict[str, Any]:
    """Return the settings of the convolution that replaces a separable one."""
    kept = "name dtype strides padding data_format dilation_rate activation use_bias kernel_size".split()
    return {**{name: config[name] for name in kept}, "filters": kernel.shape[-1]}
