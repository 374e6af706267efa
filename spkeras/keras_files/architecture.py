"""Architectures that are given apart from the weights: a file, a model, or code that the user names."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import keras

from spkeras.errors import ModelFileError, shown
from spkeras.keras_files.assign import assign_weights
from spkeras.keras_files.container import StoredModel, open_model
from spkeras.keras_files.context import KERAS_2, KERAS_3, Context, parse_version
from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.names import numbered, snake_case
from spkeras.keras_files.stores import LayerWeights, PathWeights

Architecture: TypeAlias = str | Path | keras.Model | Callable[[], keras.Model]
FORMS = (
    "allowed: the JSON of model.to_json(), a whole model file, FILE.py:FUNCTION whose function "
    "returns the model, or in Python the model itself"
)
# Weight names of Keras 1: conv_W, bn_running_mean.
KERAS_1_NAME = re.compile(
    r"_(W|b|U|W_\w|U_\w|b_\w|gamma|beta|running_mean|running_std|alphas)(:0)?$"
)


def model_of(architecture: Architecture | None) -> keras.Model | None:
    """Return the model that is given, or that code of the user makes; None for other files.

    Args:
        architecture: As the user gave it.

    Raises:
        ModelFileError: code that cannot be run, or that does not return a built model.
    """
    if architecture is None:
        return None
    place, model = "architecture", architecture
    if isinstance(architecture, str | Path):
        file, colon, name = str(architecture).rpartition(".py:")
        if str(architecture).endswith(".py"):
            raise ModelFileError(f"{architecture}: names no function; {FORMS}")
        if not colon:
            return None
        place, model = str(architecture), _function(Path(f"{file}.py"), name)
    if callable(model) and not isinstance(model, keras.Model):
        try:
            model = model()
        except Exception as error:  # code of the user can fail in any way
            raise ModelFileError(
                f"{place}: raised {type(error).__name__}: {shown(error)}; give a function that "
                "needs no arguments and returns the model"
            ) from error
    if not isinstance(model, keras.Model) or not model.built:
        state = "a model without input shape" if isinstance(model, keras.Model) else type(model)
        raise ModelFileError(f"{place}: received {state}; allowed: a built keras.Model")
    return model


def _function(path: Path, name: str) -> Callable[[], Any]:
    """Return a function of a Python file that the user names."""
    if not path.is_file():
        raise ModelFileError(f"{path}: no such file; {FORMS}")
    spec = importlib.util.spec_from_file_location(f"architecture_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))  # for imports of files beside it
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # code of the user can fail in any way
        raise ModelFileError(f"{path}: raised {type(error).__name__}: {shown(error)}") from error
    finally:
        sys.path.pop(0)
    found = getattr(module, name, None)
    if not callable(found):
        known = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
        raise ModelFileError(f"{path}: has no function {name!r}; its functions: {', '.join(known)}")
    function: Callable[[], Any] = found
    return function


def with_architecture(stored: StoredModel, architecture: str | Path | None) -> StoredModel:
    """Add the configuration to a weights file; refuse what is missing or superfluous.

    Args:
        stored: Contents of the file.
        architecture: File of the configuration.

    Raises:
        ModelFileError: no configuration, or two files of one kind.
    """
    if architecture is None:
        if stored.config is None:
            raise ModelFileError(
                f"{stored.path}: holds weights only, no architecture. Give it as architecture= "
                f"(--architecture); {FORMS}; or save the whole model."
            )
        return stored
    plan = open_model(architecture)
    if plan.config is None:
        raise ModelFileError(f"{architecture}: holds no architecture, only weights.")
    stored.config = plan.config
    stored.version = stored.version or plan.version
    stored.backend = stored.backend or plan.backend
    return stored


def fill(model: keras.Model, stored: StoredModel) -> Context:
    """Set the weights of a model in memory from a file; it keeps its weights on an error.

    Args:
        model: The model; changed in place, as by `model.load_weights`.
        stored: Contents of the file, by any Keras version.

    Returns:
        Facts about the file, and the changes.

    Raises:
        ModelFileError: weights that hold less or more than the model.
    """
    context = Context(_version(stored), backend=stored.backend, separate=True)
    if isinstance(stored.weights, LayerWeights) and context.version < KERAS_2:
        context.backend = context.backend or stored.weights.backend_of_keras_1
    before = model.get_weights()
    try:
        assign_weights(model, tree_of(model), stored.weights, context)
    except ModelFileError:
        model.set_weights(before)
        raise
    return context


def _version(stored: StoredModel) -> tuple[int, ...]:
    """Return the version of a weights file, where it states none from the names in it."""
    version, _ = parse_version(stored.version)
    if version:
        return version
    if isinstance(stored.weights, PathWeights):
        return KERAS_3
    names = [name for arrays in stored.weights.layers.values() for name, _ in arrays]
    old = not stored.weights.named or any(map(KERAS_1_NAME.search, names))
    return (1,) if old else KERAS_2


def tree_of(model: keras.Model) -> LayerNode:
    """Return the tree of a model in memory, as far as weights need it."""
    layers = [
        tree_of(layer) if isinstance(layer, keras.Model) else _node_of(layer)
        for layer in model.layers
    ]
    for node, group in zip(
        layers, numbered(snake_case(node.class_name) for node in layers), strict=True
    ):
        node.group = group
    node = _node_of(model, with_config=False)
    node.layers = layers
    return node


def _node_of(layer: keras.layers.Layer, with_config: bool = True) -> LayerNode:
    try:
        config = dict(layer.get_config()) if with_config else {}
    except NotImplementedError:  # a layer of the user
        config = {}
    node = LayerNode(type(layer).__name__, layer.name, config)
    inner = getattr(layer, "layer", None)
    if isinstance(inner, keras.Model):
        node.wrapped = tree_of(inner)
    elif isinstance(inner, keras.layers.Layer):
        node.wrapped = _node_of(inner)
    return node
