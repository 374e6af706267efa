"""Quantisers as QKeras stores them: a record, or a call as text such as ``quantized_relu(4,1)``."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spkeras.keras_files.quantized.plain import UnreadableError
from spkeras.ops.types import Json

_FIXED = (
    "bits integer symmetric keep_negative alpha use_stochastic_rounding scale_axis qnoise_factor"
)
_TERNARY = "alpha threshold use_stochastic_rounding number_of_unrolls"
_POWER = (
    "bits max_value use_stochastic_rounding quadratic_approximation log2_rounding qnoise_factor"
)
# Parameters in the order of the constructors.
PARAMETERS = {
    "quantized_bits": _FIXED,
    "quantized_linear": "bits integer symmetric keep_negative alpha use_stochastic_rounding scale_axis",
    "quantized_relu": (
        "bits integer use_sigmoid negative_slope use_stochastic_rounding relu_upper_bound "
        "is_quantized_clip qnoise_factor"
    ),
    "quantized_tanh": "bits use_stochastic_rounding symmetric use_real_tanh",
    "quantized_sigmoid": "bits symmetric use_real_sigmoid use_stochastic_rounding",
    "quantized_hswish": (
        "bits integer symmetric alpha use_stochastic_rounding scale_axis qnoise_factor var_name "
        "use_ste use_variables relu_shift relu_upper_bound"
    ),
    "quantized_po2": _POWER,
    "quantized_relu_po2": (
        "bits max_value negative_slope use_stochastic_rounding quadratic_approximation "
        "log2_rounding qnoise_factor"
    ),
    "quantized_ulaw": "bits integer symmetric u",
    "bernoulli": "alpha temperature use_real_sigmoid",
    "binary": "use_01 alpha use_stochastic_rounding",
    "stochastic_binary": "alpha temperature use_real_sigmoid",
    "ternary": _TERNARY,
    "stochastic_ternary": "alpha threshold temperature use_real_sigmoid number_of_unrolls",
}


@dataclass(frozen=True)
class Quantizer:
    """A quantiser of QKeras.

    Attributes:
        name: Its class or function.
        given: The arguments that the file states.
    """

    name: str
    given: Mapping[str, Any]

    def number(self, name: str, default: float) -> float:
        """Return an argument as a number; the default if it is absent or None."""
        value = self.given.get(name)
        return default if value is None else float(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """Return an argument as a flag."""
        value = self.given.get(name)
        return default if value is None else bool(value)


def read_quantizer(stored: Json) -> Quantizer | None:
    """Read a stored quantiser or activation; None where there is none.

    Args:
        stored: Record, text, or None.

    Raises:
        UnreadableError: the text is no name and no call with plain arguments.
    """
    if stored is None:
        return None
    if isinstance(stored, dict):
        config = stored.get("config")
        if isinstance(config, str):  # a function
            return Quantizer(config, {})
        name = str(stored.get("class_name"))
        return Quantizer(name.split(">")[-1], _plain(config or {}))
    return _parsed(str(stored))


def _plain(config: Mapping[str, Json]) -> dict[str, Any]:
    """Return arguments with arrays and records of arrays as lists."""
    return {
        key: value["value"] if isinstance(value, dict) and "value" in value else value
        for key, value in config.items()
    }


def _parsed(text: str) -> Quantizer:
    """Read a name or a call with constants; nothing is evaluated."""
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if isinstance(call, ast.Name):
            return Quantizer(call.id, {})
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError
        names = PARAMETERS.get(call.func.id, "").split()
        given = dict(zip(names, map(ast.literal_eval, call.args), strict=False))
        given |= {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError) as error:
        raise UnreadableError(f"its quantizer {text!r:.60} is no call with constants") from error
    return Quantizer(call.func.id, given)
