"""Networks of whole numbers: weights as codes on the way out, their record on the way back."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from spkeras.errors import ModelFileError, shown
from spkeras.exchange import parts as kinds
from spkeras.exchange.parts import Exchange, Part
from spkeras.graph import Graph
from spkeras.graph.integers import Integers
from spkeras.recipes.base import OVERFLOWS

# What a file states once; steps and units belong to its parts.
_WIDTHS = (
    "weight_bits",
    "threshold_bits",
    "membrane_bits",
    "input_bits",
    "overflow",
    "per_channel",
)


def is_whole(graph: Graph) -> bool:
    """Return whether a graph has whole numbers only."""
    return graph.integers is not None and graph.integers.is_whole


def coded(graph: Graph) -> Graph:
    """Return a network of whole numbers with weights as codes, for average pools that sum."""
    form = graph.integers
    assert form is not None
    changed = {}
    for node in graph.nodes:
        if node.operation.weighted and node.name not in graph.head:
            name = "scale" if node.op == "scale" else "kernel"
            changed[node.name] = node.with_arrays(**{name: form.codes(node).astype(np.float32)})
    return graph.updated(changed)


def text_of(form: Integers) -> str:
    """Return the widths as JSON."""
    config = form.get_config()
    return json.dumps({name: config[name] for name in _WIDTHS})


def form_of(text: str, place: str) -> Integers:
    """Return the widths that a file states.

    Args:
        text: JSON, as `text_of` returns it.
        place: The file, as messages name it.

    Raises:
        ModelFileError: they are none.
    """
    try:
        config = json.loads(text)
        form = Integers(**{name: config[name] for name in _WIDTHS})
        good = form.overflow in OVERFLOWS and isinstance(form.per_channel, bool)
    except (KeyError, TypeError, ValueError, RecursionError):
        good = False
    if not good:
        raise ModelFileError(
            f"{place}: integers={shown(text, 200)}; allowed: {', '.join(_WIDTHS)} as "
            "`spkeras export` writes them"
        )
    return form


def check_whole_parts(network: Exchange, place: str) -> None:
    """Refuse a network that is stated to have whole numbers and has others.

    Args:
        network: Without pulses and ties.
        place: The file, as messages name it.

    Raises:
        ModelFileError: names the first part, and what is allowed.
    """
    form = network.integers
    if form is None:
        return
    if form.threshold_bits is None:
        problems = ((part, _problem_of_codes(part, form)) for part in network.parts)
        _refuse(problems, place)
        return
    most = {
        # Identity synapses have as many bits as thresholds.
        "weight": (1 << max(form.weight_bits - 1, form.threshold_bits)) - 1,
        "bias": 1 << 24,
        "threshold": (1 << form.threshold_bits) - 1,
        "initial": 1 << 24,
    }
    _refuse(((part, _problem(part, most)) for part in network.parts), place)


def _refuse(problems: Iterable[tuple[Part, str]], place: str) -> None:
    for part, problem in problems:
        if problem:
            raise ModelFileError(
                f"{place}: node {shown(part.name)}: {problem}, in a network of whole numbers or weights; write "
                "the file again with `spkeras export`"
            )


def _problem_of_codes(part: Part, form: Integers) -> str:
    """Return what is wrong with weights that are multiples of a step."""
    step, weight = part.arrays.get("step"), part.arrays.get("weight")
    if step is None or weight is None:
        return ""
    if step.size != 1 or not step > 0:
        return "step; allowed: a positive number"
    codes, most = weight / step, (1 << (form.weight_bits - 1)) - 1
    fits = (abs(codes - np.rint(codes)) < 1e-3) & (abs(codes) < most + 0.5)
    return "" if fits.all() else f"weight beyond {form.weight_bits} bits"


def _problem(part: Part, most: Mapping[str, int]) -> str:
    if part.kind == kinds.AVERAGE_POOL:
        return "an average; allowed: sums"
    for name, array in part.arrays.items():
        if name in most and ((array != np.rint(array)) | (abs(array) > most[name])).any():
            return f"{name} beyond the whole numbers to {most[name]}"
    unit = part.arrays.get("unit", np.ones(()))
    fits = unit.shape in ((), part.shape) if part.kind == kinds.NEURONS else unit.size == 1
    return "" if fits and (unit > 0).all() else "unit; allowed: positive numbers"


def with_form(
    graph: Graph, form: Integers, steps: Mapping[str, float], units: Mapping[str, np.ndarray]
) -> Graph:
    """Return a graph of whole numbers that was read.

    Args:
        graph: The graph; average pools average.
        form: Its widths.
        steps: Factor of each weighted node's codes, by name.
        units: Value of a potential of 1, by neurons and read-out.
    """
    arrays = {name: np.asarray(step, np.float64) for name, step in steps.items()}
    return replace(graph, integers=replace(form, steps=arrays, units=dict(units)))
