"""NIR files: a network written with the package `nir`."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from spkeras.errors import OptionError
from spkeras.exchange import parts as kinds
from spkeras.exchange.linear import squared, ungrouped
from spkeras.exchange.parts import Exchange, Part
from spkeras.exchange.whole import text_of

# Version of the entries under `metadata`.
SCHEMA = 1


def nir_package() -> Any:
    """Return the package `nir`.

    Raises:
        OptionError: it is not installed.
    """
    try:
        import nir
    except ImportError as error:
        raise OptionError(
            "NIR files need the package nir; run `pip install spkeras[nir]`"
        ) from error
    return nir


def write_nir(network: Exchange, path: Path, version: str) -> None:
    """Write a NIR file.

    Names of nodes begin with their place, since HDF5 lists them in alphabetical order and some
    simulators compute them in the order of the file.

    Args:
        network: The network; its neurons start at 0.
        path: The file.
        version: Version of spkeras, for its metadata.

    Raises:
        OptionError: the package nir is missing.
    """
    nir = nir_package()
    names = {part.name: _safe(index, part.name) for index, part in enumerate(network.parts)}
    shapes = {part.name: part.shape for part in network.parts}
    nodes = {}
    edges = []
    for part in network.parts:
        before = shapes[part.inputs[0]] if part.inputs else ()
        nodes[names[part.name]] = _node(nir, part, before, network.encoding)
        edges += [(names[name], names[part.name]) for name in part.inputs]
    metadata = {
        "spkeras": version,
        "schema": SCHEMA,
        "name": network.name,
        "layout": "channels first",
        "dt": 1.0,
        "timesteps": network.timesteps,
    }
    if network.integers is not None:
        metadata["integers"] = text_of(network.integers)
    nir.write(path, _graph(nir, nodes, edges, metadata))


def _graph(
    nir: Any, nodes: dict[str, Any], edges: list[tuple[str, str]], metadata: dict[str, Any]
) -> Any:
    try:
        return nir.NIRGraph(nodes=nodes, edges=edges, metadata=metadata)
    except ValueError:
        # Kernels whose sides differ by an odd number: nir 1.0.8 infers another shape.
        return nir.NIRGraph(nodes=nodes, edges=edges, metadata=metadata, type_check=False)


def _safe(index: int, name: str) -> str:
    """Return a name that is an identifier in the tools that read the file."""
    return f"n{index:04d}_{re.sub(r'[^0-9A-Za-z]+', '_', name)}"


def _node(nir: Any, part: Part, before: tuple[int, ...], encoding: str) -> Any:
    extra = {"metadata": _metadata(part, encoding)}
    shape = np.array(part.shape)
    if part.kind == kinds.INPUT:
        return nir.Input({"input": shape}, **extra)
    if part.kind == kinds.OUTPUT:
        return nir.Output({"output": shape}, **extra)
    if part.kind == kinds.CONV:
        return _conv(nir, part, before, extra)
    if part.kind == kinds.AFFINE:
        return nir.Affine(weight=part.arrays["weight"], bias=part.arrays["bias"], **extra)
    if part.kind == kinds.FLATTEN:
        return nir.Flatten(input_type={"input": np.array(before)}, start_dim=0, end_dim=-1, **extra)
    if part.kind == kinds.NEURONS:
        threshold = part.arrays["threshold"]
        ones, zeros = np.ones_like(threshold), np.zeros_like(threshold)
        return nir.IF(r=ones, v_threshold=threshold, v_reset=zeros, **extra)
    node = nir.SumPool2d if part.kind == kinds.SUM_POOL else nir.AvgPool2d
    window, stride, padding = (
        np.array(value) for value in (part.window, part.stride, part.padding)
    )
    return node(kernel_size=window, stride=stride, padding=padding, **extra)


def _conv(nir: Any, part: Part, before: tuple[int, ...], extra: dict[str, Any]) -> Any:
    weight = ungrouped(part.arrays["weight"], part.groups)
    constants = {"weight": weight, "bias": part.arrays["bias"], "groups": 1, **extra}
    if len(part.stride) == 1:
        return nir.Conv1d(
            input_shape=before[1],
            stride=part.stride[0],
            padding=part.padding[0],
            dilation=part.dilation[0],
            **constants,
        )
    if set(part.dilation) == {1}:
        constants["weight"], padding = squared(weight, part.padding)
    else:
        padding = part.padding
    return nir.Conv2d(
        input_shape=before[1:],
        stride=part.stride,
        padding=padding,
        dilation=part.dilation,
        **constants,
    )


def _metadata(part: Part, encoding: str) -> dict[str, Any]:
    """Return what NIR itself has no field for; see docs/export.md."""
    found: dict[str, Any] = {"name": part.name}
    if part.kind == kinds.NEURONS:
        found["reset"] = part.reset
        found.update({name: part.arrays[name] for name in ("unit",) if name in part.arrays})
    if part.kind == kinds.INPUT:
        found["encoding"] = encoding
    if part.kind in (kinds.INPUT, kinds.OUTPUT):
        # An index of () makes a number of an array without axes, which HDF5 stores without filters.
        found.update({name: array[()] for name, array in part.arrays.items()})
    if "step" in part.arrays:
        found["step"] = float(part.arrays["step"])
    if part.groups > 1:
        found["groups"] = part.groups
    if part.tie:
        found["tie"] = float(part.tie)
    if part.role:
        found["role"] = part.role
    return found
