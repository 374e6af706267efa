"""The last phase of conversion-aware training: batch norm in the kernels, kernels in logarithms."""

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
# Layers that train with the values of their kernels' codes, by the plain class.
_LOG = (LogConv1D, LogConv2D, LogDense, LogDepthwiseConv2D)
_CODED: dict[str, Any] = {layer.__mro__[2].__name__: layer for layer in _LOG}


def logarithmic(
    model: keras.Model, form: LogFormat, *, trainable: bool = True, policy: str | None = None
) -> keras.Model:
    """The network with batch norm in its kernels, and these in their logarithmic codes.

    Args:
        model: With final activations (`finished`).
        form: How weights are written down.
        trainable: Whether layers keep plain kernels behind the codes, for a training that goes
            straight through the rounding. Kinds of layers that cannot (three axes, transposed)
            get the codes' values at once. Else all do, and the result has ordinary layers alone.
        policy: Keras dtype policy of all layers but the last ones; None keeps theirs.

    Returns:
        A functional model. A separable convolution becomes one convolution whose kernel is the
        product of its two: there is no activation between them, so that hardware has one, too.

    Raises:
        UnsupportedLayerError: batch norm that no kernel can take up, or a layer with two of them.
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
    """The trained network with ordinary layers, whose kernels hold the values of their codes."""
    adopted: list[tuple[Any, list[np.ndarray]]] = []

    def plain(operation: Any, path: str) -> list[Any] | None:
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
    """The dtype policy of the layers with weights, but for the last of them."""
    kinds = [layer for layer in all_layers(model) if layer.weights]
    return kinds[0].dtype_policy.name if kinds else None


def _refuse_live(folded: Graph, paths: Mapping[str, str]) -> None:
    live = [
        f"{paths.get(node.name) or node.name}: no kernel beside it can take it up; put it right "
        "behind a layer with weights"
        for node in folded.of("scale")
    ]
    if live:
        raise UnsupportedLayerError(live)


def _weighted_nodes(folded: Graph, paths: Mapping[str, str]) -> dict[str, list[Node]]:
    """Nodes with weights by the path of their layer, one set for each layer."""
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
                    "give each call a layer of its own"
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
    """What takes the place of each layer, and the weights that it gets."""

    def __init__(
        self,
        nodes: Mapping[str, list[Node]],
        form: LogFormat,
        trainable: bool,
        policy: str | None,
        last: set[int],
    ) -> None:
        self.nodes, self.form, self.trainable = nodes, form, trainable
        self.policy, self.last = policy, last
        self.adopted: list[tuple[Any, list[np.ndarray]]] = []

    def of(self, operation: Any, path: str) -> list[Any] | None:
        """The layers that take this one's place; None for a plain copy."""
        kind = type(operation).__name__
        if kind in _SCALES:
            # All of them have been folded: nothing of theirs is left.
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

    def _coded(self, kind: str, config: Any, kernel: np.ndarray) -> tuple[Any, np.ndarray]:
        n = full_scale_exponent(kernel, self.form)
        if self.trainable and kind in _CODED:
            config = {**config, "log_format": self.form.to_dict(), "full_scale": n}
            return _CODED[kind].from_config(config), kernel
        plain = getattr(keras.layers, kind).from_config(config)
        return plain, log_quantize(kernel, self.form, n)


def _product(depthwise: Node, pointwise: Node) -> np.ndarray:
    """The kernel of both, (*window, channels in, channels out)."""
    first, second = depthwise.arrays["kernel"], pointwise.arrays["kernel"]
    channels, multiplier = first.shape[-2:]
    second = second.reshape(channels, multiplier, -1)
    return np.einsum("...cm,cmo->...co", first, second).astype(np.float32)


def _one_convolution(config: Mapping[str, Any], kernel: np.ndarray) -> dict[str, Any]:
    """Settings of the convolution that computes what a separable one does."""
    kept = (
        "name",
        "dtype",
        "strides",
        "padding",
        "data_format",
        "dilation_rate",
        "activation",
        "use_bias",
        "kernel_size",
    )
    return {**{name: config[name] for name in kept}, "filters": kernel.shape[-1]}
