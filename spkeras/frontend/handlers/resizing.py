"""Layers that give images another size: along each axis a matrix of Keras's own interpolation."""

import keras
import numpy as np

from spkeras.frontend.handlers.call import FIRST, Call, Handler, Port
from spkeras.frontend.handlers.shaping import moved

Size = tuple[int, int]


def _resizing(call: Call) -> Port:
    layer = call.operation
    if call.shape == call.input.keras_shape:
        return call.input
    port, size = _image(call), (int(layer.height), int(layer.width))
    if layer.crop_to_aspect_ratio:
        port = _cropped(call, port, size)
    if layer.pad_to_aspect_ratio:
        port = _padded(call, port, size, fill=float(layer.fill_value))
    port = _resized(call, port, size, layer.interpolation, antialias=layer.antialias)
    return Port(port.name, port.shape, layer.data_format == FIRST)


def _center_crop(call: Call) -> Port:
    """Add a centre crop; an image that is too small is cut to the proportions, then resized."""
    layer = call.operation
    port, size = _image(call), (int(layer.height), int(layer.width))
    spare = [have - want for have, want in zip(port.shape, size, strict=False)]
    if min(spare) < 0:
        port = _resized(call, _cropped(call, port, size), size)
    else:
        port = _within(call, port, size)
    return Port(port.name, port.shape, layer.data_format == FIRST)


def _image(call: Call) -> Port:
    """Return the image with its channels last."""
    port = call.channels_last(call.input, call.operation.data_format)
    if len(port.shape) != 3:
        raise call.refuse(f"values of shape {port.keras_shape}", "give it images of three axes")
    call.need_floats()
    return port


def _within(call: Call, port: Port, size: Size) -> Port:
    """Cut a window of that size out of the middle."""
    spare = [have - want for have, want in zip(port.shape, size, strict=False)]
    return moved(call, "crop", port, tuple((d // 2, d - d // 2) for d in spare))


def _proportional(shape: tuple[int, ...], size: Size) -> Size:
    """Return the height for the width, and the width for the height, of an image's proportions."""
    return int(shape[1] * size[0] / size[1]), int(shape[0] * size[1] / size[0])


def _cropped(call: Call, port: Port, size: Size) -> Port:
    """Cut an image to the proportions of a size."""
    pairs = zip(port.shape, _proportional(port.shape, size), strict=False)
    height, width = (max(min(have, want), 1) for have, want in pairs)
    return _within(call, port, (height, width))


def _padded(call: Call, port: Port, size: Size, fill: float) -> Port:
    """Widen an image to the proportions of a size by equal borders."""
    pairs = zip(port.shape, _proportional(port.shape, size), strict=False)
    amounts = tuple((max(want - have, 0) // 2,) * 2 for have, want in pairs)
    wide = moved(call, "pad", port, amounts)
    if not fill or wide is port:
        return wide
    inside = np.pad(np.ones(port.shape[:2]), amounts)
    return call.affine(wide, 1.0, fill * (1 - inside)[..., None], piece="filled")


def _resized(
    call: Call, port: Port, size: Size, interpolation: str = "bilinear", antialias: bool = False
) -> Port:
    """Interpolate along both axes, one after the other."""
    for axis, (have, want) in enumerate(zip(port.shape[:2], size, strict=True)):
        # An identity of channels, each a line along the axis: their values are the matrix.
        lines = np.eye(have, dtype="float32")[None, :, None]
        found = keras.ops.image.resize(
            lines,
            (want, 1),
            interpolation=interpolation,
            antialias=antialias,
            data_format="channels_last",
        )
        port = _along(call, port, axis, keras.ops.convert_to_numpy(found)[0, :, 0].T)
    return port


def _along(call: Call, port: Port, axis: int, matrix: np.ndarray) -> Port:
    """Add a resampling of an axis, matrix (before, after); an upsampling where values repeat."""
    have, want = matrix.shape
    factor = want // have
    shape = tuple(want if a == axis else n for a, n in enumerate(port.shape))
    if np.array_equal(matrix, np.repeat(np.eye(have), max(factor, 1), axis=1)):
        if factor == 1:
            return port
        size = tuple(factor if a == axis else 1 for a in (0, 1))
        return call.add("upsample", [port], shape, {"size": size, "interpolation": "nearest"})
    arrays = {"matrix": matrix.astype("float32")}
    return call.add("resample", [port], shape, {"axis": axis + 1}, arrays=arrays)


LAYERS: dict[str, Handler] = {"CenterCrop": _center_crop, "Resizing": _resizing}
