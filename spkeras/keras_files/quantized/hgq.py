"""Layers of HGQ2 (high granularity quantisation), which train the bits of each number.

Reference:
    HGQ2 0.2.0: ``hgq/quantizer/internal/fixed_point_quantizer.py``, ``hgq/layers``; Sun et al. 2024,
    "Gradient-based automatic mixed precision quantization for neural networks on-chip",
    arXiv:2405.00645.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.quantized.plain import Arrays, Config, Layer, Plain, UnreadableError
from spkeras.keras_files.quantized.qkeras_activations import as_layers
from spkeras.keras_files.quantized.quantizer_records import read_quantizer

Array = np.ndarray
_CHANGE = "quantised weights and activations of HGQ read"
_ROUNDINGS: dict[str, tuple[str, Callable[[Array], Array]]] = {
    "RND": ("up", lambda x: np.floor(x + 0.5)),
    "RND_CONV": ("even", np.round),
    "TRN": ("down", np.floor),
}
_OVERFLOWS = ("WRAP", "SAT", "SAT_SYM")
_DROPPED = (
    *("_conf", "_initializer", "_regularizer", "_constraint", "ebops", "ebops_factor"),
    *("beta0", "enable_oq", "enable_iq", "parallelization_factor"),
)


@dataclass(frozen=True)
class _Levels:
    """Levels of each number: step * k for low <= k <= high.

    Attributes:
        step: 2^-f.
        low: Smallest count.
        high: Largest count.
        rounding: A key of `_ROUNDINGS`.
        overflow: One of `_OVERFLOWS`.
    """

    step: Array
    low: Array
    high: Array
    rounding: str
    overflow: str

    def of(self, values: Array, free: bool) -> Array:
        """Return values rounded to the levels; `free` leaves the range of a wrapping weight open."""
        count = _ROUNDINGS[self.rounding][1](values / self.step)
        if self.overflow != "WRAP":
            count = np.clip(count, self.low, self.high)
        elif not (free and self.rounding == "RND"):
            count = self.low + np.mod(count - self.low, self.high - self.low + 1)
        return np.where(self.high > self.low, count * self.step, 0).astype(np.float32)

    def as_layer(self) -> Layer:
        """Return the quantiser of activations of this kind."""
        arrays = np.broadcast_arrays(self.step, self.low, self.high)
        plain = [a.flat[0].item() if (a == a.flat[0]).all() else a[0].tolist() for a in arrays]
        names = ("step", "low", "high")
        rounding, wrap = _ROUNDINGS[self.rounding][0], self.overflow == "WRAP"
        return "UniformQuantizer", {
            **dict(zip(names, plain, strict=True)),
            "rounding": rounding,
            "wrap": wrap,
        }


def _levels(node: LayerNode, arrays: Arrays, place: str) -> _Levels | None:
    """Return the levels of the quantiser "iq", "kq", "bq" or "oq" of a layer; None without one."""
    record = node.config.get(f"{place}_conf")
    config = record.get("config") if isinstance(record, dict) else None
    if config is None or node.config.get(f"enable_{place}", True) is False:
        return None
    kind, overflow = config.get("q_type"), str(config.get("overflow_mode")).upper()
    rounding = str(config.get("round_mode")).upper().removeprefix("S_")
    plain = not any(config.get(name) for name in ("scaler", "affine", "qnoise_factor"))
    if kind not in ("kif", "kbi") or overflow not in _OVERFLOWS or rounding not in _ROUNDINGS:
        raise UnreadableError(f"its {place} is of the type {kind}, {rounding}, {overflow}")
    if not plain:
        raise UnreadableError(f"its {place} has a scaler, an affine map or noise")
    found = _stored(arrays, place, kind=kind, wraps=overflow == "WRAP")
    sign, whole = found["k"].astype(float), np.round(found["i"].astype(float))
    last = found["f" if kind == "kif" else "b"].astype(float)
    fraction = np.round(last) if kind == "kif" else np.round(last) - whole
    high = np.maximum(2.0 ** (whole + fraction) - 1, 0)
    low = -sign * (high if overflow == "SAT_SYM" else high + 1)
    some = sign + whole + fraction > 0
    return _Levels(
        step=2.0**-fraction,
        low=np.where(some, low, 0),
        high=np.where(some, high, 0),
        rounding=rounding,
        overflow=overflow,
    )


def _stored(arrays: Arrays, place: str, *, kind: str, wraps: bool) -> dict[str, Array]:
    """Return the numbers of bits of a quantiser by their names.

    A Keras zip numbers them: those that are trained, then the others.
    """
    if arrays.paths:
        pairs = zip(arrays.paths, arrays.own, strict=True)
        found = {p.split("/")[-1].split(":")[0]: a for p, a in pairs if f"_{place}/" in p}
    else:
        part = arrays.inner.get(f"{place}/quantizer", [])
        signs = [a for a in part if a.dtype.kind in "ub"]
        bits = [a for a in part if a.dtype.kind == "f"]
        trained = kind[-1] if kind == "kif" else "b"
        names = (trained, "i") if wraps else tuple(kind[1:])
        found = dict(zip(names, bits, strict=False)) | dict(zip("k", signs, strict=False))
    if not {*kind} <= found.keys():
        raise UnreadableError(f"the bits of its {place} are not in the file")
    return found


def _layer(class_name: str) -> Callable[[LayerNode, Arrays], Plain]:
    """Return the reader of a layer with a kernel, a bias and quantised inputs."""

    def read(node: LayerNode, arrays: Arrays) -> Plain:
        biased = node.config.get("use_bias", True) and node.config.get("bias_axes", "") is not None
        places = ("kq", "bq") if biased else ("kq",)
        weights = _own(arrays, len(places))
        for index, place in enumerate(places):
            levels = _levels(node, arrays, place)
            if levels is not None:
                weights[index] = levels.of(weights[index], free=place == "kq")
        given, sent = (_levels(node, arrays, place) for place in ("iq", "oq"))
        after = as_layers(read_quantizer(node.config.get("activation")))
        return Plain(
            (class_name, _config(node)),
            weights,
            [*after, *([sent.as_layer()] if sent else [])],
            _CHANGE,
            before=[given.as_layer()] if given else [],
        )

    return read


def _own(arrays: Arrays, count: int) -> list[Array]:
    """Return kernel and bias."""
    if not arrays.paths:
        return list(arrays.own[:count])
    found = [array for name in ("kernel", "bias")[:count] for array in arrays.exactly(name)]
    if len(found) != count:
        raise UnreadableError("its kernel or bias is not in the file")
    return found


def _config(node: LayerNode) -> Config:
    return {
        key: value
        for key, value in node.config.items()
        if not key.endswith(_DROPPED) and key not in (*_DROPPED, "activation")
    }


READERS: dict[str, Callable[[LayerNode, Arrays], Plain]] = {
    "QConv1D": _layer("Conv1D"),
    "QConv2D": _layer("Conv2D"),
    "QConv3D": _layer("Conv3D"),
    "QDense": _layer("Dense"),
    "QEinsumDense": _layer("EinsumDense"),
}
