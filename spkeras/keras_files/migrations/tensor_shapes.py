"""Layers equal to TensorFlow operations that move values and compute nothing."""

from __future__ import annotations

from typing import Any

from spkeras.keras_files.migrations.tensor_calls import Layer, Maker, NotMappedError, TensorCall
from spkeras.ops.types import Json

WHOLE = [None, None, None]
MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


def _pad(op: TensorCall) -> Layer:
    rows = op.values["paddings"]
    mode = str(op.values.get("mode", "CONSTANT")).upper()
    plain = mode == "CONSTANT" and not op.values.get("constant_values")
    if not plain or len(rows) != 4 or any(rows[0]):
        raise NotMappedError(f"mode={mode}, paddings={rows}")
    if not any(rows[3]):
        return "ZeroPadding2D", {"padding": rows[1:3]}, op.tensors
    if not any(rows[1]):
        config = {"padding": rows[2:4], "data_format": "channels_first"}
        return "ZeroPadding2D", config, op.tensors
    raise NotMappedError(f"paddings={rows}")


def _reshape(op: TensorCall) -> Layer:
    """Return a layer where a size of each sample is open, which an operator cannot state."""
    shape = op.values["shape"]
    if shape[0] is not None or not all(isinstance(n, int) for n in shape[1:]):
        raise NotMappedError(f"shape={shape}")
    return "Reshape", {"target_shape": shape[1:]}, op.tensors


def _transpose(op: TensorCall) -> Layer:
    axes = op.values["perm"]
    if axes[0] != 0:
        raise NotMappedError(f"perm={axes}")
    return "Permute", {"dims": axes[1:]}, op.tensors


def _getitem(op: TensorCall) -> Layer:
    parts = op.values["slice_spec"]
    parts = parts if isinstance(parts, list) else [parts]
    return "Slice", {"spec": [_slice_part(part) for part in parts]}, op.tensors


def _strided_slice(op: TensorCall) -> Layer:
    tensor, begin, end, strides = op.bound("input_", "begin", "end", "strides")
    strides = strides or [1] * len(begin)
    return _getitem(TensorCall([tensor], slice_values(op.values, begin, end=end, strides=strides)))


def slice_values(
    masks: dict[str, Any], begin: list[int], *, end: list[int], strides: list[int]
) -> dict[str, Any]:
    """Turn begin, end, strides and five bit masks into one index per axis.

    Args:
        masks: The masks by name; 0 where one is absent.
        begin: First place on each axis.
        end: Place after the last one.
        strides: Steps.
    """
    begin_mask, end_mask, ellipsis, new, shrink = (masks.get(key) or 0 for key in MASKS)
    spec: list[Any] = []
    for place, (first, last, step) in enumerate(zip(begin, end, strides, strict=True)):
        bit = 1 << place
        if ellipsis & bit:
            spec.append("...")
        elif new & bit:
            spec.append(None)
        elif shrink & bit:
            spec.append(first)
        else:
            start, stop = None if begin_mask & bit else first, None if end_mask & bit else last
            spec.append({"start": start, "stop": stop, "step": step})
    return {"slice_spec": spec}


def _squeeze(op: TensorCall) -> Layer:
    axes = op.values.get("axis")
    axes = [axes] if isinstance(axes, int) else axes
    if not axes or 0 in axes or min(axes) < 0 < max(axes):
        raise NotMappedError(f"axis={axes}")
    return "Slice", {"spec": _at(axes, 0)}, op.tensors


def _expand_dims(op: TensorCall) -> Layer:
    axis = op.values["axis"]
    if axis == 0:
        raise NotMappedError("axis=0, the samples")
    return "Slice", {"spec": _at([axis], "newaxis")}, op.tensors


def _at(axes: list[int], index: int | str) -> list[Any]:
    """Return an index at some axes, all counted from the front or all from the back."""
    if axes[0] < 0:
        return ["...", *(index if k in axes else WHOLE for k in range(min(axes), 0))]
    return [index if k in axes else WHOLE for k in range(max(axes) + 1)]


def _resize(op: TensorCall) -> Layer:
    """Resize with pixel centres, as Resizing does."""
    height, width = op.values["size"]
    method = str(op.values.get("method") or "bilinear").lower()
    if op.values.get("antialias") or op.values.get("preserve_aspect_ratio"):
        raise NotMappedError("antialias or preserve_aspect_ratio")
    if method not in {"bilinear", "nearest"}:
        raise NotMappedError(f"method={method}")
    return "Resizing", {"height": height, "width": width, "interpolation": method}, op.tensors


def _slice_part(part: Json) -> Json:
    if part is None:
        return "newaxis"
    if isinstance(part, dict) and "start" in part:
        ends = [part["start"], part["stop"], part["step"]]
        if all(end is None or isinstance(end, int) for end in ends):
            return ends
    if isinstance(part, dict) and part.get("class_name") == "__ellipsis__" or part == "...":
        return "..."
    if isinstance(part, int) and not isinstance(part, bool):
        return part
    raise NotMappedError(f"index {part!r:.40}")


SHAPERS: dict[str, Maker] = {
    "compat.v1.pad": _pad,
    "pad": _pad,
    "reshape": _reshape,
    "strided_slice": _strided_slice,
    "compat.v1.transpose": _transpose,
    "transpose": _transpose,
    "__operators__.getitem": _getitem,
    "squeeze": _squeeze,
    "compat.v1.squeeze": _squeeze,
    "expand_dims": _expand_dims,
    "image.resize": _resize,
}
