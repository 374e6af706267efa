"""Networks of whole numbers: weights, biases, thresholds and initial potentials."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from spkeras.graph import Graph, Node
from spkeras.graph.connections import stored_kernel
from spkeras.graph.integers import Integers
from spkeras.ops.arrays import Float64Array
from spkeras.passes.divisors import divided_kernel, divisors
from spkeras.passes.fitted import Moments, fitted_codes
from spkeras.passes.identity_synapses import with_identity_synapses
from spkeras.passes.units import groups, unit_of
from spkeras.passes.whole_checks import check_whole


def whole_numbers(graph: Graph, form: Integers, moments: Moments | None = None) -> Graph:
    """Round all numbers of a network to whole numbers of given widths.

    The potentials of a layer have a unit u, for each channel or for the layer. With the divisor d
    of average poolings, which sum instead, a code, a bias and a threshold are

        W_q = round(W / (d u)) in `weight_bits`,   b_q = round(b / u),
        V_q = round(V / u) in `threshold_bits`,    v_q(0) = floor(initial_potential V_q).

    with each number rounded to the nearest, or, where the inputs of the kernels are known, such that
    the currents have a small mean square error (`spkeras.passes.fitted`).
    The unit is that of the codes with the least square error, or a larger one that the threshold
    needs. Spikes do not depend on it. The unit of read-outs is that of a layer, so that received
    whole numbers can be compared.

    Args:
        graph: The network.
        form: Widths.
        moments: Mean products of the inputs of each kernel; None rounds to the nearest.

    Before: normalised, biases in the synapses, corrections done.
    After: as `spkeras.graph.integers.Integers` describes it, which the graph holds.

    Reference:
        A common unit of weights and threshold: Wu et al. 2022 (n-bit weights).

    Raises:
        UnsupportedLayerError: codes, functions or linear layers that have no such form; all at
            once.
    """
    check_whole(graph)
    before = with_identity_synapses(graph)
    steps = divisors(before)
    found = moments or {}
    changed: dict[str, Node] = {}
    units: dict[str, np.ndarray] = {}
    for group in groups(before):
        unit = unit_of(before, group, steps, form)
        for name in group.nodes:
            changed[name] = _coded(
                before[name], unit, step=steps[name], form=form, moments=found.get(name)
            )
        for name in group.targets:
            units[name] = unit
            changed[name] = _received(before[name], unit, form)
    note = _note(form)
    whole = before.updated(changed, notes=[note]).keeping(before)
    return replace(whole, integers=replace(form, steps=steps, units=units))


def _note(form: Integers) -> str:
    return (
        f"whole numbers: weights of {form.weight_bits} bits, thresholds of {form.threshold_bits}, "
        f"potentials of {form.membrane_bits}"
    )


def _coded(
    node: Node,
    unit: Float64Array,
    *,
    step: Float64Array,
    form: Integers,
    moments: Sequence[Sequence[Float64Array]] | None,
) -> Node:
    """Return a node with weights as codes times its step, and whole biases."""
    if node.op == "scale":
        most = (1 << (form.threshold_bits or 0)) - 1
        offset = node.array("offset")
        return node.with_arrays(
            scale=(_whole(node.arrays["scale"] / step / unit, most) * step).astype(np.float32),
            offset=None if offset is None else _whole(offset / unit),
        )
    most = (1 << (form.weight_bits - 1)) - 1
    kernel, bias = divided_kernel(node, step) / unit, _divided(node.array("bias"), unit)
    if moments is None:
        codes, whole = _whole(kernel, most), None if bias is None else _whole(bias)
    else:
        codes, whole = fitted_codes(node, kernel, bias, step=step, moments=moments, most=most)
    return node.with_arrays(
        kernel=(stored_kernel(node, codes) * step).astype(np.float32), bias=whole
    )


def _received(node: Node, unit: Float64Array, form: Integers) -> Node:
    """Return a neuron or read-out in the unit of what it receives."""
    if node.op == "readout":
        scale = node.array("scale")
        own = unit if scale is None else scale * unit
        return node.with_arrays(scale=np.asarray(own, np.float32))
    arrays: Mapping[str, np.ndarray | None] = {
        "threshold": np.maximum(_whole(node.arrays["threshold"] / unit), 1),
        "ceiling": _divided(node.array("ceiling"), unit),
        "constant_input0": _rounded(node.array("constant_input0"), unit),
    }
    return node.with_arrays(**arrays)


def _whole(values: np.ndarray, most: int | None = None) -> np.ndarray:
    codes: np.ndarray = np.rint(values)
    if most is not None:
        codes = np.clip(codes, -most, most)
    return codes.astype(np.float32)


def _divided(values: np.ndarray | None, unit: Float64Array) -> np.ndarray | None:
    return None if values is None else np.asarray(values / unit, np.float32)


def _rounded(values: np.ndarray | None, unit: Float64Array) -> np.ndarray | None:
    return None if values is None else _whole(values / unit)
