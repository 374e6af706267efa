"""Loading of a file of Keras 3 that needs no change, as Keras loads it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import keras

from spkeras.errors import SpkerasError, UnsafeFileError
from spkeras.keras_files.assign import assign_weights
from spkeras.keras_files.container import StoredModel
from spkeras.keras_files.context import KERAS_FAILURES, Context
from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.schema import refuse_for_safety
from spkeras.keras_files.stores import NoWeights


def loaded_by_keras(stored: StoredModel, root: LayerNode, context: Context) -> keras.Model:
    """Return the model of a file, with each weight as the file states it.

    Args:
        stored: Contents of the file.
        root: Its tree.
        context: Facts about the file.

    Raises:
        UnsafeFileError: Keras refuses the configuration for safety.
        Exception: one of `KERAS_FAILURES`, or a `SpkerasError`.
    """
    model = _from_config(stored, root, context)
    return _proved(_plain(stored), root, stored, context) if model is None else model


def _from_config(stored: StoredModel, root: LayerNode, context: Context) -> keras.Model | None:
    """Build the model of a zip and set its weights, which Keras would read a second time.

    None where that is not all that Keras does: for layers that several models share, and for
    whatever fails, which the messages of Keras describe.
    """
    weights, config = stored.weights, stored.config
    if stored.kind != "zip" or isinstance(weights, NoWeights) or stored.has_assets:
        return None
    if any(node.shared is not None for node in root.walk()):
        return None
    try:
        model = keras.saving.deserialize_keras_object(
            {**(config or {}), "compile_config": None}, safe_mode=True
        )
        assign_weights(model, root, weights, context)
    except UnsafeFileError:
        raise
    except (*KERAS_FAILURES, SpkerasError) as error:
        refuse_for_safety(error, stored.path)
        return None
    return model


def _plain(stored: StoredModel) -> keras.Model:
    """Load a file with Keras, which recognizes the format by the suffix."""
    suffix = ".keras" if stored.kind == "zip" else ".h5"
    if stored.path.suffix == suffix:
        return keras.models.load_model(stored.path, compile=False, safe_mode=True)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"model{suffix}"
        shutil.copyfile(stored.path, copy)
        return keras.models.load_model(copy, compile=False, safe_mode=True)


def _proved(
    model: keras.Model, root: LayerNode, stored: StoredModel, context: Context
) -> keras.Model:
    """Return a model that Keras loaded, with each weight as the file states it.

    Keras reads HDF5 by position, and leaves initial values in layers that it builds twice.
    """
    if not isinstance(stored.weights, NoWeights):
        assign_weights(model, root, stored.weights, context)
    return model
