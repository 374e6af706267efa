"""Leading axes that a window leaves apart, so that they may join the batch."""

from spkeras.graph import Node

# Attributes with one value for each axis of a window, and the value that leaves an axis as it is.
_PER_AXIS = {
    "amounts": (0, 0),
    "dilation": 1,
    "output_padding": 0,
    "pool_size": 1,
    "size": 1,
    "strides": 1,
}
_WINDOWED = "average_pool conv conv_transpose crop depthwise_conv max_pool pad upsample".split()


def separate(node: Node) -> int:
    """Return the number of leading axes that join the batch, since Keras has no layer with them.

    Keras has layers of up to three axes, and fewer with groups, dilation, interpolation, causal
    padding or a kernel for each channel.
    """
    if node.op not in _WINDOWED:
        return 0
    surplus = _rank(node) - _most(node)
    return min(surplus, _unmixed(node)) if surplus > 0 else 0


def without(node: Node, count: int) -> Node:
    """Return a windowed node without its first axes; its window is one position long there."""
    if not count:
        return node
    shorter = {name: node[name][count:] for name in _given(node)}
    node = node.with_attributes(**shorter)
    kernel = node.array("kernel")
    if kernel is not None:
        node = node.with_arrays(kernel=kernel.reshape(kernel.shape[count:]))
    return node


def _given(node: Node) -> list[str]:
    return [name for name in _PER_AXIS if node.attributes.get(name) is not None]


def _rank(node: Node) -> int:
    kernel = node.array("kernel")
    return len(node[_given(node)[0]]) if kernel is None else kernel.ndim - 2


def _most(node: Node) -> int:
    """Return the number of axes that a Keras layer for a node may have."""
    if node.attributes.get("padding") == "causal":
        return 1
    if node.op == "depthwise_conv":
        # TensorFlow strides by the same number along both axes.
        return 2 if len(set(node["strides"])) == 1 else 1
    if node.op == "upsample":
        return 3 if node["interpolation"] == "nearest" else 2
    if node.attributes.get("groups", 1) > 1 or max(node.attributes.get("dilation", (1,))) > 1:
        return 2
    return 3


def _unmixed(node: Node) -> int:
    """Return the number of leading axes along which the window is one position long."""
    kernel = node.array("kernel")
    count = 0
    while count < _rank(node) - 1:
        plain = all(node[name][count] == _PER_AXIS[name] for name in _given(node))
        if not plain or (kernel is not None and kernel.shape[count] != 1):
            break
        count += 1
    return count
