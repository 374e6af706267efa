"""Program files: one .npz of plain arrays, checked completely on loading.

A header (JSON in an array of bytes) holds the schema, the configuration and the layers; the
other arrays hold the numbers. `sha256` is the hash of all other arrays. No part of a file is
executed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from spkeras.errors import ModelFileError, SpkerasError, UnsafeFileError, shown
from spkeras.files.archives import DAMAGE
from spkeras.files.arrays import Arrays, write_arrays
from spkeras.files.drafts import draft_of
from spkeras.hardware.config import HardwareConfig
from spkeras.hardware.log_ttfs.checks import check_program
from spkeras.hardware.log_ttfs.program import Program, ProgramBranch, ProgramLayer

SCHEMA = 2
_HEADER, _HASH = "header", "sha256"
_AGAIN = "compile it again (`spkeras hardware compile`)"


def save_program(program: Program, path: Path | str) -> None:
    """Write a program completely, or not at all.

    Args:
        program: The program.
        path: Path that ends in .npz.

    Raises:
        ModelFileError: the suffix is another one, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise ModelFileError(f"{path}: program files end in .npz")
    arrays = _arrays(program)
    arrays[_HEADER] = np.frombuffer(json.dumps(_header(program)).encode(), np.uint8)
    arrays[_HASH] = np.frombuffer(_digest(arrays), np.uint8)
    try:
        with draft_of(path) as draft:
            write_arrays(draft, arrays, compressed=True)
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be written ({error})") from error


def load_program(path: Path | str) -> Program:
    """Read a program file and check it: hash, schema, shapes and ranges.

    Raises:
        ModelFileError: the file is no program, damaged, or of another schema.
    """
    arrays = _read(Path(path))
    stored = arrays.pop(_HASH, np.zeros(0, np.uint8))
    if _HEADER not in arrays or not stored.size:
        raise ModelFileError(f"{path}: is not a program of a log-TTFS processor; {_AGAIN}")
    if stored.tobytes() != _digest(arrays):
        raise ModelFileError(f"{path}: its hash does not fit its contents: it is damaged; {_AGAIN}")
    try:
        header = json.loads(arrays.pop(_HEADER).tobytes().decode())
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: unreadable header ({error}); {_AGAIN}") from error
    schema = header.get("schema") if isinstance(header, dict) else None
    if schema != SCHEMA:
        newer = isinstance(schema, int) and schema > SCHEMA
        raise ModelFileError(
            f"{path}: has schema {shown(schema, 40)}{', of a newer version' if newer else ''}; "
            f"allowed: {SCHEMA}; {'update spkeras, or ' if newer else ''}{_AGAIN}"
        )
    try:
        program = _program(header, arrays)
        check_program(program)
    except KeyError as error:
        raise ModelFileError(f"{path}: lacks {error}; {_AGAIN}") from error
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        raise ModelFileError(f"{path}: contradicts itself ({error}); {_AGAIN}") from error
    return program


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with Arrays(path) as file:
            return dict(file)
    except FileNotFoundError as error:
        raise ModelFileError(f"{path}: no such file") from error
    except UnsafeFileError:
        raise
    except DAMAGE as error:
        raise ModelFileError(f"{path}: is not an .npz file of plain arrays ({error})") from error


def _digest(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the SHA-256 of names, types, shapes and bytes of all arrays except the hash."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.digest()


def _header(program: Program) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "name": program.name,
        "config": program.config.get_config(),
        "outputs": {name: list(shape) for name, shape in program.outputs.items()},
        "notes": list(program.notes),
        "origin": dict(program.origin),
        "golden": sorted(program.golden),
        "layers": [_layer_header(layer) for layer in program.layers],
    }


_LAYER: dict[str, type] = {
    **{"name": str, "kind": str, "depth": int, "fraction": int, "unit": float, "low": int},
    **{"high": int, "port": int},
}
_BRANCH: dict[str, type] = {
    **{"source": str, "name": str, "full_scale": int, "offset": int, "weighted": bool},
    **{"groups": int, "first": int},
}
_BRANCH_ARRAYS = ("index", "negative", "exponents")


def _layer_header(layer: ProgramLayer) -> dict[str, Any]:
    own: dict[str, Any] = {key: getattr(layer, key) for key in _LAYER}
    own["shape"] = list(layer.shape)
    own["branches"] = [
        {**{key: getattr(b, key) for key in _BRANCH}, "cells": b.cells is not None}
        for b in layer.branches
    ]
    return own


def _arrays(program: Program) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {"mantissa": program.mantissa, "times": program.times}
    for number, layer in enumerate(program.layers):
        arrays |= {f"{number}/bias": layer.bias, f"{number}/thresholds": layer.thresholds}
        for place, branch in enumerate(layer.branches):
            for key in _BRANCH_ARRAYS:
                arrays[f"{number}/{place}/{key}"] = getattr(branch, key)
            if branch.cells is not None:
                arrays[f"{number}/{place}/cells"] = branch.cells
    return arrays | {f"golden/{name}": array for name, array in program.golden.items()}


def _program(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Program:
    known = {field.name for field in fields(HardwareConfig)}
    if set(header["config"]) != known:
        raise SpkerasError(f"configuration with {sorted(set(header['config']) ^ known)}")
    layers = tuple(
        _layer(entry, str(number), arrays) for number, entry in enumerate(header["layers"])
    )
    return Program(
        name=str(header["name"]),
        config=HardwareConfig(**header["config"]),
        mantissa=arrays["mantissa"],
        times=arrays["times"],
        layers=layers,
        outputs={
            str(name): tuple(int(size) for size in shape)
            for name, shape in header["outputs"].items()
        },
        golden={name: arrays[f"golden/{name}"] for name in header["golden"]},
        notes=tuple(str(note) for note in header["notes"]),
        # Programs written earlier have none.
        origin={str(k): str(path) for k, path in dict(header.get("origin", {})).items()},
    )


def _layer(entry: dict[str, Any], number: str, arrays: dict[str, np.ndarray]) -> ProgramLayer:
    branches = tuple(
        _branch(own, f"{number}/{place}/", arrays) for place, own in enumerate(entry["branches"])
    )
    return ProgramLayer(
        shape=tuple(int(size) for size in entry["shape"]),
        branches=branches,
        bias=arrays[f"{number}/bias"],
        thresholds=arrays[f"{number}/thresholds"],
        **_typed(entry, _LAYER),
    )


def _branch(entry: dict[str, Any], prefix: str, arrays: dict[str, np.ndarray]) -> ProgramBranch:
    values = _typed(entry, _BRANCH)
    values |= {key: arrays[prefix + key] for key in _BRANCH_ARRAYS}
    return ProgramBranch(cells=arrays[prefix + "cells"] if entry["cells"] else None, **values)


def _typed(entry: dict[str, Any], types: Mapping[str, type]) -> dict[str, Any]:
    """Return the values of a record, each of its type; a whole number is a float, too."""
    for key, kind in types.items():
        value = entry[key]
        if type(value) is not kind and not (kind is float and type(value) is int):
            name = entry.get("name")
            raise SpkerasError(
                f"{shown(name)}: {key}={shown(repr(value), 50)}; allowed: {kind.__name__}"
            )
    return {key: entry[key] for key in types}
