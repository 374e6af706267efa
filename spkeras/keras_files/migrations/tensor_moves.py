"""Operators of Keras 3 equal to TensorFlow functions that move, copy, join or pool values."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from spkeras.keras_files.migrations.tensor_calls import (
    NotMappedError,
    Result,
    Step,
    Steps,
    StepsMaker,
    TensorCall,
)
from spkeras.keras_files.references import is_reference
from spkeras.ops.types import Json


def _same(op: TensorCall) -> Steps:
    return [Step("StopGradient", op.bound("input|tensor|value|x"))]


def _cast(op: TensorCall) -> Steps:
    tensor, dtype = op.bound("x", "dtype")
    return [Step("Cast", [tensor], {"dtype": str(dtype)})]


def _join(operator: str) -> StepsMaker:
    def make(op: TensorCall) -> Steps:
        axis = op.values.get("axis", 0)
        return [Step(operator, [op.given], {"axis": axis})]

    return make


def _split(op: TensorCall) -> Steps:
    """Split into equal parts, or into parts of given sizes: Keras takes where they begin."""
    value, parts, axis = op.bound("value", "num_or_size_splits", "axis|split_dim")
    if isinstance(parts, list):
        if -1 in parts:
            raise NotMappedError(f"sizes {parts}")
        parts = list(accumulate(parts))[:-1]
    return [Step("Split", [value], {"indices_or_sections": parts, "axis": axis or 0})]


def _unstack(op: TensorCall) -> Steps:
    value, number, axis = op.bound("value", "num", "axis")
    return [Step("Unstack", [value], {"num": number, "axis": axis or 0})]


def _shape(op: TensorCall) -> Steps:
    tensor, shape = op.bound("tensor", "shape")
    if shape[0] != -1 or not all(isinstance(n, int) for n in shape):
        raise NotMappedError(f"shape={shape}")
    return [Step("Reshape", [tensor], {"newshape": shape})]


def _squeeze(op: TensorCall) -> Steps:
    tensor, axis = op.bound("input", "axis|squeeze_dims")
    axes = [axis] if isinstance(axis, int) else axis
    if not axes or 0 in axes:
        raise NotMappedError(f"axis={axis}")
    return [Step("Squeeze", [tensor], {"axis": axes})]


def _last_two(op: TensorCall) -> Steps:
    return [Step("Swapaxes", op.bound("a|matrix"), {"axis1": -1, "axis2": -2})]


def _tile(op: TensorCall) -> Steps:
    tensor, times = op.bound("input", "multiples")
    return [Step("Tile", [tensor], {"repeats": times})]


def _repeat(op: TensorCall) -> Steps:
    tensor, times, axis = op.bound("input", "repeats", "axis")
    return [Step("Repeat", [tensor], {"repeats": times, "axis": _named(axis)})]


def _roll(op: TensorCall) -> Steps:
    tensor, shift, axis = op.bound("input", "shift", "axis")
    return [Step("Roll", [tensor], {"shift": shift, "axis": axis})]


def _reverse(op: TensorCall) -> Steps:
    """Reverse one axis after the other, which every version of Keras can."""
    tensor, axis = op.bound("tensor", "axis")
    steps: list[Step] = []
    for one in axis if isinstance(axis, list | tuple) else [axis]:
        steps.append(Step("Flip", [Result(len(steps) - 1) if steps else tensor], {"axis": one}))
    return steps


def _mirror(axis: int) -> StepsMaker:
    return lambda op: [Step("Flip", op.bound("image"), {"axis": axis})]


def _named(axis: Json) -> Json:
    if axis is None:
        raise NotMappedError("axis=None")
    return axis


def _gather(op: TensorCall) -> Steps:
    names = ("params", "indices", "validate_indices", "axis", "batch_dims")
    tensor, places, _, axis, batch = op.bound(*names)
    if batch or is_reference(places):
        raise NotMappedError("places that are computed")
    return [Step("Take", [tensor, places], {"axis": axis or 0})]


def _slice(op: TensorCall) -> Steps:
    tensor, begin, size = op.bound("input_", "begin", "size")
    ends = zip(begin, size, strict=True)
    key = [_slice_record(b, None if n == -1 else b + n) for b, n in ends]
    return [Step("GetItem", [tensor, [_slice_record(), *key[1:]] if begin[0] == 0 else key])]


def _slice_record(start: Json = None, stop: Json = None) -> dict[str, Any]:
    return {"class_name": "__slice__", "config": {"start": start, "stop": stop, "step": None}}


def _crop(op: TensorCall) -> Steps:
    names = ("image", "offset_height", "offset_width", "target_height", "target_width")
    tensor, top, left, height, width = op.bound(*names)
    key = [_slice_record(), _slice_record(top, top + height), _slice_record(left, left + width)]
    return [Step("GetItem", [tensor, key])]


def _pad(op: TensorCall) -> Steps:
    tensor, widths, mode, value = op.bound("tensor", "paddings", "mode", "constant_values")
    mode = str(mode or "constant").lower()
    arguments = [tensor, value] if mode == "constant" and value else [tensor]
    return [Step("Pad", arguments, {"pad_width": widths, "mode": mode})]


def _blocks(operator: str) -> StepsMaker:
    def make(op: TensorCall) -> Steps:
        tensor, size, order = op.bound("input", "block_size", "data_format")
        return [Step(operator, [tensor], {"block_size": size, "data_format": _order(order)})]

    return make


def _order(stored: Json) -> str:
    """Return the order of axes: NHWC, NCHW and the like."""
    if stored in (None, "") or str(stored) in {"NWC", "NHWC", "NDHWC"}:
        return "channels_last"
    raise NotMappedError(f"data_format={stored}")


def _pool(operator: str) -> StepsMaker:
    def make(op: TensorCall) -> Steps:
        names = ("input|value", "ksize", "strides", "padding", "data_format")
        tensor, window, strides, padding, order = op.bound(*names)
        config = {
            "pool_size": _window(window),
            "strides": _window(strides),
            "padding": _padding(padding),
            "data_format": _order(order),
        }
        return [Step(operator, [tensor], config)]

    return make


def _pool_of_kind(op: TensorCall) -> Steps:
    """Read `tf.nn.pool`, which names the kind of pooling in an argument."""
    names = ("input", "window_shape", "pooling_type", "padding", "strides", "data_format")
    tensor, window, kind, padding, strides, order = op.bound(*names)
    holes = [n for n in op.values.get("dilations") or op.values.get("dilation_rate") or () if n > 1]
    if holes:
        raise NotMappedError("dilations")
    config = {
        "pool_size": window,
        "strides": strides or [1] * len(window),
        "padding": _padding(padding),
        "data_format": _order(order),
    }
    return [Step({"MAX": "MaxPool", "AVG": "AveragePool"}[kind], [tensor], config)]


def _padding(stored: Json) -> str:
    padding = str(stored or "VALID").lower()
    if padding not in {"same", "valid"}:
        raise NotMappedError(f"padding={stored!r:.40}")
    return padding


def _window(stored: Json) -> Json:
    """Return the sizes of a window without those of samples and channels, which are 1."""
    if isinstance(stored, list) and len(stored) > 3:
        if stored[0] != 1 or stored[-1] != 1:
            raise NotMappedError(f"window {stored}")
        return stored[1:-1]
    return stored[0] if isinstance(stored, list) and len(stored) == 1 else stored


def _one_hot(op: TensorCall) -> Steps:
    names = ("indices", "depth", "on_value", "off_value", "axis")
    tensor, depth, on, off, axis = op.bound(*names)
    if on not in (None, 1) or off not in (None, 0):
        raise NotMappedError(f"values {on} and {off}")
    return [Step("OneHot", [tensor], {"num_classes": depth, "axis": -1 if axis is None else axis})]


def _sort(op: TensorCall) -> Steps:
    tensor, axis, direction = op.bound("values", "axis", "direction")
    if direction not in (None, "ASCENDING"):
        raise NotMappedError(f"direction={direction}")
    return [Step("Sort", [tensor], {"axis": -1 if axis is None else axis})]


def _top(op: TensorCall) -> Steps:
    tensor, number, ordered = op.bound("input", "k", "sorted")
    return [Step("TopK", [tensor], {"k": number, "sorted": ordered is not False})]


MOVES: dict[str, StepsMaker] = {
    "cast": _cast,
    "concat": _join("Concatenate"),
    "convert_to_tensor": _same,
    "ensure_shape": _same,
    "gather": _gather,
    "identity": _same,
    "image.crop_to_bounding_box": _crop,
    "image.flip_left_right": _mirror(-2),
    "image.flip_up_down": _mirror(-3),
    "linalg.matrix_transpose": _last_two,
    "math.top_k": _top,
    "nn.avg_pool": _pool("AveragePool"),
    "nn.avg_pool1d": _pool("AveragePool"),
    "nn.avg_pool2d": _pool("AveragePool"),
    "nn.avg_pool3d": _pool("AveragePool"),
    "nn.depth_to_space": _blocks("DepthToSpace"),
    "nn.max_pool": _pool("MaxPool"),
    "nn.max_pool1d": _pool("MaxPool"),
    "nn.max_pool2d": _pool("MaxPool"),
    "nn.max_pool3d": _pool("MaxPool"),
    "nn.pool": _pool_of_kind,
    "nn.space_to_depth": _blocks("SpaceToDepth"),
    "one_hot": _one_hot,
    "pad": _pad,
    "repeat": _repeat,
    "reshape": _shape,
    "reverse": _reverse,
    "roll": _roll,
    "slice": _slice,
    "sort": _sort,
    "split": _split,
    "squeeze": _squeeze,
    "stack": _join("Stack"),
    "stop_gradient": _same,
    "tile": _tile,
    "unstack": _unstack,
}
