"""Loading of a model file of any Keras version as a model of Keras 3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path
from typing import Any, TypedDict, Unpack

import keras

from spkeras.errors import ModelFileError, SpkerasError, UnsupportedLayerError
from spkeras.graph.finite import check_arrays
from spkeras.keras_files.architecture import Architecture, fill, model_of, with_architecture
from spkeras.keras_files.assign import assign_weights
from spkeras.keras_files.bounds import bounded_weights
from spkeras.keras_files.by_keras import loaded_by_keras
from spkeras.keras_files.container import StoredModel, open_model
from spkeras.keras_files.context import KERAS_FAILURES, Context
from spkeras.keras_files.emit import emit
from spkeras.keras_files.graph import LayerNode, parse_model
from spkeras.keras_files.input_shapes import InputShape, set_input_shapes
from spkeras.keras_files.lambdas import refuse_code
from spkeras.keras_files.migrations import migrate
from spkeras.keras_files.operators import mark_operator
from spkeras.keras_files.quantized import read_quantized
from spkeras.keras_files.schema import check_version, inside, one_error, refuse_for_safety
from spkeras.keras_files.scopes import make_runnable
from spkeras.keras_files.standins import build_partly
from spkeras.keras_files.trust import given, named_in
from spkeras.keras_files.writer import context_of, writer_of
from spkeras.layers import legacy  # noqa: F401  (registers the layers of old files)
from spkeras.ops.memory import values_of

OPEN_SIZES = (
    "states no input size, which Keras 2 left out of a Sequential that begins with an "
    "InputLayer. Give input_shape=(28, 28, 1) or the like (--input-shape 28,28,1)."
)


@dataclass(frozen=True)
class LoadedModel:
    """A model and the changes made to load it.

    Attributes:
        model: The Keras 3 model, not compiled.
        writer: Program that wrote the file, such as "Keras 2.4.0, HDF5".
        changes: One sentence per change made in memory; the file is never changed.
        problems: One sentence per layer that cannot be read. With any, the model has stand-ins
            for such layers (`spkeras.keras_files.standins`) and serves to list more problems.
    """

    model: keras.Model
    writer: str
    changes: tuple[str, ...]
    problems: tuple[str, ...] = ()


class Reading(TypedDict, total=False):
    """How a file is read.

    Attributes:
        architecture: For a weights file: JSON of ``model.to_json()``, a file of the whole model,
            ``FILE.py:FUNCTION`` (code of the user), or a model, whose weights are then set.
        replace: Replacement per layer name, for layers that are code; see `replacements`.
        input_shape: Shape without the batch axis for a model that leaves sizes open, as in
            (None, None, 3); for several inputs one shape each.
        custom_objects: Classes and functions of the program by the names in the file, as in Keras.
    """

    architecture: Architecture | None
    input_shape: InputShape | None
    replace: Mapping[str, str] | None
    custom_objects: Mapping[str, Any] | None


def read_model(path: str | Path, **reading: Unpack[Reading]) -> LoadedModel:
    """Load a model saved by any Keras version and return the changes made.

    No code from the file is ever run, and nothing is compiled. A file of Keras 3 that needs no
    change is loaded by `keras.models.load_model`.

    Args:
        path: Model file (.keras, .h5, .hdf5; recognized by content), or a weights file.
        reading: See `Reading`.

    Returns:
        Model, writer and changes.

    Raises:
        ModelFileError: the file cannot be read, or is not a whole model.
        UnsafeFileError: the file would read other files, or unpack to far more than its size.
        UnsupportedLayerError: layers that Keras 3 cannot build, each named.
        WeightsError: weights that are NaN or infinite, each named.
    """
    loaded = read_partly(path, **reading)
    if loaded.problems:
        raise UnsupportedLayerError(loaded.problems)
    return loaded


def read_partly(path: str | Path, **reading: Unpack[Reading]) -> LoadedModel:
    """Load a model, or as much of it as can be read.

    Args, and what is raised: see `read_model`, without layers that cannot be built.

    Returns:
        As `read_model`, or a model with stand-ins if there are problems.
    """
    with given(reading.get("custom_objects")), one_error(path):
        loaded = _loaded(path, reading)
        renamed = make_runnable(loaded.model)
    if loaded.problems:
        return loaded
    model = loaded.model
    variables = (v for v in model.variables if keras.backend.is_float_dtype(v.dtype))
    check_arrays(str(path), ((v.path, values_of(v)) for v in variables))
    return changed(loaded, changes=(*loaded.changes, *renamed))


def _loaded(path: str | Path, reading: Reading) -> LoadedModel:
    """Read a file."""
    stored, architecture = open_model(path), reading.get("architecture")
    if stored.kind == "JSON":
        raise ModelFileError(
            f"{path}: is an architecture without weights. Give the weights file as the path and "
            f"this file as architecture={str(path)!r}."
        )
    built = model_of(architecture)
    check_version(stored.version, stored.path)
    if built is not None:
        for name in ("replace", "input_shape"):
            if reading.get(name):
                raise ModelFileError(f"{name}: with a model as architecture; build it that way")
        context = fill(built, stored)
        return LoadedModel(built, writer_of(stored, context), context.changes)
    assert architecture is None or isinstance(architecture, str | Path)
    stored = with_architecture(stored, architecture)
    with bounded_weights(stored.path):
        return _built_from(stored, reading)


def _built_from(stored: StoredModel, reading: Reading) -> LoadedModel:
    """Build the model with Keras, or with the migrations."""
    assert stored.config is not None
    context = context_of(stored, reading.get("replace") or {})
    root = parse_model(stored.config)
    for node in root.walk():
        mark_operator(node, context)
    quantized = read_quantized(root, stored.weights, context)
    # Packages that quantise or prune add weights of their own.
    context.separate = bool(reading.get("architecture")) and not quantized
    shape = reading.get("input_shape")
    if shape:
        set_input_shapes(root, shape)
    changed = (
        shape
        or reading.get("architecture")
        or context.replace
        or quantized
        or named_in(stored.config)
    )
    if not changed and _is_for_keras(stored, root, context):
        for node in root.walk():
            with inside(f"layer {node.label}"):
                refuse_code(node, context)  # before Keras reads the file
        if context.problems:
            return _migrated(stored, root, context)
        try:
            model = loaded_by_keras(stored, root, context)
            return LoadedModel(model, writer_of(stored, context), ())
        except KERAS_FAILURES as error:  # the migrations are tried next
            refuse_for_safety(error, stored.path)
            failure = error
        return _retried(stored, root, context, failure)
    return _migrated(stored, root, context)


def _is_for_keras(stored: StoredModel, root: LayerNode, context: Context) -> bool:
    """Return whether Keras reads the file as it is, right.

    It finds no operators in HDF5, no arguments that operators took elsewhere, and no users' classes.
    Up to 3.8 it listed the only output of a model, and now passes the list to a Sequential's layers.
    """
    nodes = list(root.walk())
    unnamed = stored.kind == "HDF5" and any(node.operator for node in nodes)
    changed = any(node.subclassed or node.moved or _passes_list(node) for node in nodes)
    return not (context.before_keras_3 or unnamed or changed)


def _passes_list(node: LayerNode) -> bool:
    """Return whether the result of an inner model, a list of one tensor, goes to a layer."""
    inner = [*((node.layers or ()) if node.is_sequential else ()), *filter(None, [node.wrapped])]
    lists = [part.outputs for part in inner if part.is_functional]
    return any(isinstance(part, list) and len(part) == 1 for part in lists)


def _retried(
    stored: StoredModel, root: LayerNode, context: Context, failure: Exception
) -> LoadedModel:
    """Migrate a Keras 3 file that Keras could not load."""
    try:
        return _migrated(stored, root, context)
    except UnsupportedLayerError:
        raise
    except SpkerasError as error:
        raise ModelFileError(
            f"{stored.path}: Keras {keras.__version__} cannot load this file of "
            f"{writer_of(stored, context)}: {_cause(failure)} {error}"
        ) from failure


def _migrated(stored: StoredModel, root: LayerNode, context: Context) -> LoadedModel:
    """Build the model from the migrated tree and set its weights."""
    migrate(root, context)
    unused = set(context.replace) - context.replaced
    if unused:
        names = ", ".join(f"'{node.stored_name}'" for node in root.walk() if node is not root)
        raise ModelFileError(
            f"replace names no layer of the file: {', '.join(sorted(unused))}. Its layers: {names}."
        )
    model = None if context.problems else _built(stored, root, context)
    problems = context.problems_in(root)
    if model is None:
        model = build_partly(root, stored.weights, context)
    else:
        assign_weights(model, root, stored.weights, context)
    return LoadedModel(model, writer_of(stored, context), context.changes, problems)


def _built(stored: StoredModel, root: LayerNode, context: Context) -> keras.Model | None:
    """Build the model; on failure, refuse the layers that Keras cannot build and return None."""
    try:
        model = keras.saving.deserialize_keras_object(emit(root), safe_mode=True)
    except KERAS_FAILURES as error:
        _refuse_unbuildable(root, context)
        if context.problems:
            return None
        if context.open_sizes:
            raise ModelFileError(f"{stored.path}: {OPEN_SIZES}") from error
        raise ModelFileError(
            f"{stored.path}: Keras {keras.__version__} cannot build the stored model: "
            f"{_cause(error)}"
        ) from error
    if not model.built:
        raise ModelFileError(
            f"{stored.path}: the file states no input shape, so the model cannot be built. "
            "Give input_shape=(28, 28, 1) or the like (--input-shape 28,28,1)."
        )
    return model


def _refuse_unbuildable(root: LayerNode, context: Context) -> None:
    """Build each layer separately, and refuse those that fail."""
    for node in root.walk():
        if node.layers is not None:
            continue
        try:
            keras.saving.deserialize_keras_object(emit(node), safe_mode=True)
        except KERAS_FAILURES as error:
            context.refuse(
                node,
                f"Keras cannot build it: {_cause(error)}. Use other arguments, or name a "
                f"replacement: replace={{'{node.stored_name}': REPLACEMENT}}.",
            )


def _cause(error: Exception) -> str:
    """Return the innermost message; Keras wraps it in whole configurations."""
    inner = str(error).split("Exception encountered:")[-1]
    lines = [line.strip() for line in inner.splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
