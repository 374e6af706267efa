"""Reader of a saved model of any kind: configuration, weights and writer.

The first bytes decide the kind, never the suffix: up to 2.11 a ``.keras`` file was HDF5, and
users rename files.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from spkeras.errors import ModelFileError
from spkeras.files.archives import DAMAGE, check_members
from spkeras.files.hdf5 import opened
from spkeras.files.limits import Allowance
from spkeras.files.parts import member_stream
from spkeras.keras_files.foreign import what_directory, what_file, what_json, what_zip
from spkeras.keras_files.saved_model import is_saved_model, saved_config, saved_weights
from spkeras.keras_files.stores import NoWeights, StoredWeights, read_weights, text

ALLOWED = (
    "Allowed are whole models saved by Keras (.keras, .h5, .hdf5, SavedModel folders of Keras 2), "
    "or a weights file together with architecture=, such as the JSON of model.to_json()."
)


# Members of a zip without assets: configuration, facts about the writer, weights.
_PARTS = 3


@dataclass
class StoredModel:
    """Contents of a model file.

    Attributes:
        path: The file.
        kind: "HDF5", "zip", "SavedModel" or "JSON".
        config: Decoded configuration; None in a weights file.
        weights: The stored weights.
        version: Version of Keras as the file states it; "" if it does not.
        backend: Backend as the file states it; "" if it does not.
        has_assets: Whether there is more than configuration and weights, such as vocabularies.
    """

    path: Path
    kind: str
    config: dict[str, Any] | None
    weights: StoredWeights
    version: str = ""
    backend: str = ""
    has_assets: bool = False


def open_model(path: str | Path) -> StoredModel:
    """Read a file of any of the allowed kinds.

    Args:
        path: The file, of any suffix.

    Returns:
        Its contents, with all weights in memory.

    Raises:
        ModelFileError: the file is missing, a directory, damaged, or of another kind.
    """
    path = Path(path)
    if path.name == "saved_model.pb":
        path = path.parent
    if path.is_dir() and is_saved_model(path):
        return _guarded(_open_saved_model, path)
    head = _first_bytes(path)
    if head.startswith(b"PK"):  # before HDF5, which may begin at byte 512, 1024, ... of a zip
        return _guarded(_open_zip, path)
    if h5py.is_hdf5(path):
        return _guarded(_open_hdf5, path)
    if head.startswith(b"\x89HDF"):
        raise ModelFileError(f"{path}: starts like HDF5 but is damaged or cut off. {ALLOWED}")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b'"'):
        return _guarded(_open_json, path)
    raise ModelFileError(f"{path}: {what_file(head)} {ALLOWED}")


def _first_bytes(path: Path) -> bytes:
    if not path.exists():
        raise ModelFileError(f"{path}: no such file. {ALLOWED}")
    if path.is_dir():
        raise ModelFileError(f"{path}: {what_directory(path)} {ALLOWED}")
    try:
        with path.open("rb") as stream:
            return stream.read(512)
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror}).") from error


def _guarded(reader: Callable[[Path], StoredModel], path: Path) -> StoredModel:
    """Run a reader; turn the many exceptions of damaged files into one."""
    try:
        return reader(path)
    except ModelFileError:
        raise
    except (*DAMAGE, TypeError) as error:
        raise ModelFileError(
            f"{path}: is damaged or cut off ({type(error).__name__}: {error}). "
            "Fetch or save the file again."
        ) from error


def _open_hdf5(path: Path) -> StoredModel:
    with opened(path, str(path)) as stream:
        stored = stream.attrs.get("model_config")
        group = stream.get("model_weights", stream)
        attributes = {**dict(group.attrs), **dict(stream.attrs)}
        weights = read_weights(group, Allowance(str(path), path.stat().st_size))
    if stored is None and weights.empty:
        raise ModelFileError(f"{path}: is HDF5 but holds no Keras model or weights. {ALLOWED}")
    return StoredModel(
        path=path,
        kind="HDF5",
        config=None if stored is None else json.loads(text(stored)),
        weights=weights,
        version=text(attributes.get("keras_version", "")),
        backend=text(attributes.get("backend", "")),
    )


def _open_zip(path: Path) -> StoredModel:
    with zipfile.ZipFile(path) as archive:
        check_members(archive, str(path), path.stat().st_size)
        members = _by_last_name(archive.namelist())
        if "config.json" not in members:
            raise ModelFileError(f"{path}: {what_zip(archive.namelist())} {ALLOWED}")
        config = json.loads(archive.read(members["config.json"]))
        metadata: dict[str, Any] = {}
        if "metadata.json" in members:
            metadata = json.loads(archive.read(members["metadata.json"]))
        weights = _zip_weights(archive, members, path)
    return StoredModel(
        path=path,
        kind="zip",
        config=config,
        weights=weights,
        version=str(metadata.get("keras_version", "")),
        has_assets=len(archive.namelist()) > _PARTS,
    )


def _by_last_name(names: list[str]) -> dict[str, str]:
    """Map the last part of each path to its member; of several, the outermost one wins."""
    parts = {name: name.replace("\\", "/").split("/") for name in names}
    outermost_last = sorted(names, key=lambda name: -len(parts[name]))
    return {parts[name][-1]: name for name in outermost_last}


def _zip_weights(archive: zipfile.ZipFile, members: dict[str, str], path: Path) -> StoredWeights:
    """Read the weights member, called variables.h5 in 2.10 and 2.11."""
    for name in ("model.weights.h5", "variables.h5"):
        if name in members:
            place, size = f"{path}: {members[name]}", archive.getinfo(members[name]).file_size
            with member_stream(archive, path, members[name]) as content:
                with opened(content, place) as stream:
                    return read_weights(stream, Allowance(place, size))
    if "model.weights.npz" in members or "model.weights.json" in members:
        return NoWeights()  # newer layouts, which only Keras reads
    raise ModelFileError(f"{path}: is a Keras zip without weights. Save the model again.")


def _open_saved_model(path: Path) -> StoredModel:
    config, version = saved_config(path)
    return StoredModel(
        path=path,
        kind="SavedModel",
        config=config,
        weights=saved_weights(path, config),
        version=version,
        backend="tensorflow",
    )


def _open_json(path: Path) -> StoredModel:
    stored = json.loads(path.read_text(encoding="utf-8-sig"))
    if isinstance(stored, str):  # json.dump(model.to_json(), file) encodes twice
        stored = json.loads(stored)
    if not isinstance(stored, dict) or "class_name" not in stored:
        raise ModelFileError(f"{path}: {what_json(stored)}")
    return StoredModel(
        path=path,
        kind="JSON",
        config=stored,
        weights=NoWeights(),
        version=str(stored.get("keras_version", "")),
        backend=str(stored.get("backend", "")),
    )
