"""Files of converted networks, read without Keras."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spkeras.errors import SpkerasError
from spkeras.graph import Graph, from_structure
from spkeras.graph.check import check_graph
from spkeras.keras_files.container import StoredModel, open_model
from spkeras.keras_files.schema import one_error
from spkeras.keras_files.stores import LayerWeights, PathWeights
from spkeras.ops.names import keras_name
from spkeras.plain.network import PlainNetwork
from spkeras.snn.settings import FORMER_NAMES, NAMES

_LAYER = "spkeras>SpikeLoop"
# Arrays of a node, by name.
Arrays = dict[str, np.ndarray]


class _OtherFileError(Exception):
    """A file whose network only Keras can read."""


def read_network(path: Path) -> PlainNetwork | None:
    """Return the spiking network in a file; None if it has to be read with Keras.

    That is another model, another layout of weights, or a damaged file, whose message Keras's
    reader has.

    Args:
        path: A file of the formats .keras or .h5.
    """
    try:
        with one_error(path):
            return _network(open_model(path))
    except SpkerasError:
        return None


def _network(stored: StoredModel) -> PlainNetwork:
    config = _loop_config(stored)
    settings = {FORMER_NAMES.get(name, name): value for name, value in config.items()}
    graph = from_structure(settings["structure"])
    check_graph(graph)
    graph = _loaded(graph, _arrays(stored, graph, config["name"]))
    chosen = {name: settings[name] for name in NAMES if name in settings}
    return PlainNetwork((stored.config or {})["config"]["name"], graph, **chosen)


def _loop_config(stored: StoredModel) -> dict[str, Any]:
    """Return the configuration of the only layer of a model that is no input."""
    layers = (stored.config or {})["config"]["layers"]
    others = [layer for layer in layers if layer["class_name"] != "InputLayer"]
    if len(others) != 1 or others[0].get("registered_name", _LAYER) != _LAYER:
        raise _OtherFileError
    config: dict[str, Any] = others[0]["config"]
    return config


def _arrays(stored: StoredModel, graph: Graph, layer: str) -> Iterator[np.ndarray]:
    """Yield the arrays of all nodes, then those of the originals, in the order of their names."""
    weights = stored.weights
    if isinstance(weights, LayerWeights):
        return iter([array for _, array in weights.layers[layer]])
    if not isinstance(weights, PathWeights):
        raise _OtherFileError
    return _by_path(weights, graph)


def _by_path(weights: PathWeights, graph: Graph) -> Iterator[np.ndarray]:
    root = next(path for path in weights.children("layers") if path.startswith("spike_loop"))
    base = f"layers/{root}"
    paths = {
        weights.names[f"{base}/synapses/{child}"]: f"{base}/synapses/{child}"
        for child in weights.children(f"{base}/synapses")
    }
    for node in graph.nodes:
        if node.arrays:
            name = keras_name(node.name) + ("--unit" if node.op == "input" else "")
            yield from _numbered(weights.own(paths[name]))
    yield from _numbered(weights.own(f"{base}/originals"))


def _numbered(variables: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    return [variables[str(index)] for index in range(len(variables))]


def _loaded(graph: Graph, stored: Iterator[np.ndarray]) -> Graph:
    """Return the graph with stored arrays, which layers hold in the order of the vocabulary."""
    nodes = {node.name: _taken(node.operation.arrays, node.arrays, stored) for node in graph.nodes}
    own = {
        name: original.with_arrays(_taken(tuple(original.arrays), original.arrays, stored))
        for name, original in (graph.originals or {}).items()
    }
    if next(stored, None) is not None:
        raise _OtherFileError
    changed = {node.name: node.with_arrays(**nodes[node.name]) for node in graph.nodes}
    return replace(graph.updated(changed), originals=None if graph.originals is None else own)


def _taken(
    names: tuple[str, ...], arrays: Mapping[str, np.ndarray | None], stored: Iterator[np.ndarray]
) -> Arrays:
    taken: Arrays = {}
    for name in names:
        array = arrays.get(name)
        if array is not None:
            found = next(stored, None)
            if found is None or found.size != array.size:
                raise _OtherFileError
            taken[name] = found.astype(np.float32, copy=False).reshape(array.shape)
    return taken
