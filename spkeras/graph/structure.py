"""A graph as plain JSON values, and back, also from the schemas of earlier versions."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spkeras.errors import GraphError, shown
from spkeras.graph.forms import checked_schema
from spkeras.graph.graph import Graph
from spkeras.graph.integers import Integers
from spkeras.graph.node import Node
from spkeras.graph.original import Original
from spkeras.graph.vocabulary import CONSTANT_INPUTS
from spkeras.ops.arrays import held, zeros

SCHEMA = 3
# Names of settings in schema 1, and today's.
_FORMER_SETTINGS = {
    "alpha": "initial_potential",
    "limit": "max_spikes_per_step",
    "headroom": "levels_above_scale",
    "code": "spike_code",
}
# Names of attributes and arrays of nodes in schemas 1 and 2, by operation, and today's.
_FORMER_NEURON = {
    "rounding": "initial_potential",
    "limit": "max_spikes_per_step",
    "code": "spike_code",
    **{f"offset{index}": name for index, name in enumerate(CONSTANT_INPUTS)},
}
_FORMER_NODES = {
    "neuron": _FORMER_NEURON,
    "readout": {"code": "spike_code"},
    "input": {"unit": "scale"},
}


def structure(graph: Graph) -> dict[str, Any]:
    """Return the graph as plain JSON values, arrays by shape only (see `from_structure`)."""
    data = {
        "schema": SCHEMA,
        "name": graph.name,
        "outputs": list(graph.outputs),
        "notes": list(graph.notes),
        "settings": dict(graph.settings),
        "nodes": [
            {
                "name": node.name,
                "op": node.op,
                "inputs": list(node.inputs),
                "shape": list(node.shape),
                "attributes": dict(node.attributes),
                "arrays": {key: list(array.shape) for key, array in node.arrays.items()},
                "source": node.source,
            }
            for node in graph.nodes
        ],
    }
    if graph.originals is not None:
        data["originals"] = {
            name: {
                "attributes": dict(own.attributes),
                "arrays": {k: None if a is None else list(a.shape) for k, a in own.arrays.items()},
            }
            for name, own in graph.originals.items()
        }
    if graph.integers is not None:
        data["integers"] = graph.integers.get_config()
    return data


def from_structure(
    data: Mapping[str, Any], arrays: Mapping[str, Mapping[str, np.ndarray]] | None = None
) -> Graph:
    """Return the graph that `structure` described.

    Args:
        data: The result of `structure`, possibly written as JSON and read back.
        arrays: Arrays by node and name; arrays that are not given are zeros.

    Raises:
        GraphError: the schema is not that of this version, a part is missing or of another type, or
            an array has another shape.
    """
    schema = checked_schema(data, SCHEMA)
    nodes = []
    for entry in (_renamed(entry, entry["op"], schema) for entry in data["nodes"]):
        shapes = {key: tuple(shape) for key, shape in entry["arrays"].items()}
        own = {key: held(zeros(shape)) for key, shape in shapes.items()}
        own.update((arrays or {}).get(entry["name"], {}))
        wrong = [key for key, shape in shapes.items() if own[key].shape != shape]
        if wrong:
            raise GraphError(f"node {entry['name']!r}: arrays {wrong} have another shape")
        attributes = {key: _plain(value) for key, value in entry["attributes"].items()}
        nodes.append(
            Node(
                name=entry["name"],
                op=entry["op"],
                inputs=tuple(entry["inputs"]),
                shape=tuple(entry["shape"]),
                attributes=attributes,
                arrays=own,
                source=entry["source"],
            )
        )
    return Graph(
        name=data["name"],
        nodes=tuple(nodes),
        outputs=tuple(data["outputs"]),
        notes=tuple(data["notes"]),
        settings=_settings(data["settings"], schema),
        originals=_originals(data.get("originals"), {node.name: node.op for node in nodes}, schema),
        integers=_integers(data.get("integers")),
    )


def _integers(data: Mapping[str, Any] | None) -> Integers | None:
    try:
        return None if data is None else Integers.from_config(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GraphError(
            f"integers: {shown(str(error), 80)}; allowed: widths, steps and units as a conversion "
            "writes them"
        ) from error


def _settings(settings: Mapping[str, Any], schema: int) -> dict[str, Any]:
    names = _FORMER_SETTINGS if schema < 2 else {}
    return {names.get(key, key): _plain(value) for key, value in settings.items()}


def _renamed(entry: Mapping[str, Any], op: str, schema: int) -> Mapping[str, Any]:
    """Return a node's entry, or that of an original, with today's names."""
    names = _FORMER_NODES.get(op, {}) if schema < 3 else {}
    parts = {
        part: {names.get(key, key): value for key, value in entry[part].items()}
        for part in ("attributes", "arrays")
    }
    return {**entry, **parts}


def _originals(
    data: Mapping[str, Any] | None, kinds: Mapping[str, str], schema: int
) -> dict[str, Original] | None:
    if data is None:
        return None
    return {
        name: _original(_renamed(entry, kinds.get(name, ""), schema))
        for name, entry in data.items()
    }


def _original(entry: Mapping[str, Any]) -> Original:
    shapes = entry["arrays"].items()
    return Original(
        {key: _plain(value) for key, value in entry["attributes"].items()},
        {key: None if shape is None else held(zeros(shape)) for key, shape in shapes},
    )


def _plain(value: Any) -> Any:
    return tuple(_plain(item) for item in value) if isinstance(value, (list, tuple)) else value
