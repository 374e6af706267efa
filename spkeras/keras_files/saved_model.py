"""Folders that Keras 2 wrote: SavedModels, with the configuration beside TensorFlow's graph.

TensorFlow 2.5 to 2.15 and tf_keras keep it in ``keras_metadata.pb``, TensorFlow 2.0 to 2.4 in
``saved_model.pb``. The variables lie in a checkpoint, which lists objects: each layer is
``layer-0``, ``layer-1``, ... of its model and holds its variables in a list, in the order in which
HDF5 files have them. The graph is neither read nor run.

Reference:
    TensorFlow 2.15, ``saved_model.proto``, ``saved_object_graph.proto``,
    ``trackable_object_graph.proto``; Keras 2.15, ``saved_metadata.proto``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spkeras.errors import ModelFileError
from spkeras.files.protobuf import Message
from spkeras.files.tensor_bundle import TensorBundle
from spkeras.keras_files.foreign import AGAIN
from spkeras.keras_files.stores import LayerWeights, Named

OBJECTS, VALUE = "_CHECKPOINTABLE_OBJECT_GRAPH", "VARIABLE_VALUE"


def is_saved_model(path: Path) -> bool:
    """Return whether a folder is a SavedModel of TensorFlow.

    Args:
        path: The folder.
    """
    return any((path / name).is_file() for name in ("saved_model.pb", "keras_metadata.pb"))


def saved_config(folder: Path) -> tuple[dict[str, Any], str]:
    """Return the configuration of the model in a SavedModel folder, and the version of Keras.

    Args:
        folder: The folder.

    Raises:
        ModelFileError: there is no Keras model, or its layers are code.
    """
    metadata = _metadata(folder)
    config = metadata.get("config") or (metadata.get("model_config") or {}).get("config")
    if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        raise ModelFileError(
            f"{folder}: its model is of class '{metadata['class_name']}', which is a custom class: "
            "its computation is code, not layers in the folder. Rebuild it as a Sequential or "
            "functional model, copy the weights, and save it as .keras."
        )
    stored = {"class_name": str(metadata["class_name"]), "config": config}
    return stored, str(metadata.get("keras_version", ""))


def _metadata(folder: Path) -> dict[str, Any]:
    """Return what Keras 2 stored about the model."""
    path = folder / "keras_metadata.pb"
    if path.is_file():
        nodes = Message(path.read_bytes()).messages(1)
        found = next((node.text(5) for node in nodes if node.text(3) == "root"), "")
    else:
        graphs = Message((folder / "saved_model.pb").read_bytes()).messages(2)
        objects = graphs[0].message(7).messages(1) if graphs else []
        found = objects[0].message(4).text(3) if objects else ""
    metadata = json.loads(found) if found else None
    if not isinstance(metadata, dict) or "class_name" not in metadata:
        raise ModelFileError(
            f"{folder}: is a TensorFlow SavedModel folder, which holds a computation and not "
            f"Keras layers. {AGAIN}"
        )
    return metadata


def saved_weights(folder: Path, config: dict[str, Any]) -> LayerWeights:
    """Return the weights of each layer of the model in a SavedModel folder.

    Args:
        folder: The folder.
        config: The configuration of the model, which names the layers.

    Raises:
        ValueError: the variables are damaged, or not stored as objects.
    """
    objects = _Objects(folder / "variables" / "variables.index")
    layers = list(config["config"]["layers"])
    if "input_layers" not in config["config"] and layers[0].get("class_name") == "InputLayer":
        layers = layers[1:]  # which a Sequential does not count
    found: dict[str, Named] = {}
    for place, layer in enumerate(layers):
        name = str(layer.get("name") or layer["config"]["name"])
        found[name] = list(objects.variables(objects.held(0).get(f"layer-{place}", -1)))
    return LayerWeights(found)


class _Objects:
    """The objects of a checkpoint; object 0 is the model."""

    def __init__(self, index: Path) -> None:
        self._bundle = TensorBundle(index)
        if OBJECTS not in self._bundle:
            raise ValueError("variables without objects, as TensorFlow 1 wrote them")
        self._nodes = Message(self._bundle.text(OBJECTS)).messages(1)

    def held(self, number: int) -> dict[str, int]:
        """Return the objects that an object holds, by attribute."""
        if not 0 <= number < len(self._nodes):
            return {}
        return {child.text(2): child.number(1) for child in self._nodes[number].messages(1)}

    def variables(self, number: int) -> Iterator[tuple[str, Any]]:
        """Yield name and value of each variable of a layer, in the layer's order."""
        held = self.held(number)
        if "variables" in held:
            listed = self.held(held["variables"])
            wanted = [listed[str(place)] for place in range(len(listed))]
        else:  # layers that Keras 2 made anew from the configuration: Normalization
            wanted = list(dict.fromkeys(held.values()))
        for variable in wanted:
            for value in self._nodes[variable].messages(2):
                if value.text(1) == VALUE:
                    yield value.text(2), self._bundle.array(value.text(3))
