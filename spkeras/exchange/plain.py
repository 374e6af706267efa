"""Networks as plain arrays: .npz with a JSON manifest, a C header, or images of memories."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from spkeras.exchange import parts as kinds
from spkeras.exchange.parts import Exchange, Part
from spkeras.exchange.whole import text_of
from spkeras.files.arrays import write_arrays
from spkeras.files.drafts import draft_of

SCHEMA = 1
_NUMBERS = ("window", "stride", "padding", "dilation")
_PER_LINE = 8


def keys_of(network: Exchange) -> dict[tuple[str, str], str]:
    """Return the name of each array, an identifier, by the names of its part and of the array."""
    return {
        (part.name, array): f"p{index:03d}_{_safe(part.name)}_{array}"
        for index, part in enumerate(network.parts)
        for array in part.arrays
    }


def _safe(name: str) -> str:
    return re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_").lower()


def manifest_of(network: Exchange, version: str) -> dict[str, Any]:
    """Return what a reader needs beside the arrays, as plain values.

    Args:
        network: The network.
        version: Version of spkeras.
    """
    keys = keys_of(network)
    return {
        "format": "spkeras network",
        "schema": SCHEMA,
        "spkeras": version,
        "name": network.name,
        "timesteps": network.timesteps,
        "encoding": network.encoding,
        "layout": "channels first",
        **({} if network.integers is None else {"integers": json.loads(text_of(network.integers))}),
        "parts": [_entry(part, keys) for part in network.parts],
    }


def _entry(part: Part, keys: dict[tuple[str, str], str]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": part.name,
        "kind": part.kind,
        "inputs": list(part.inputs),
        "shape": list(part.shape),
        "arrays": {name: keys[part.name, name] for name in part.arrays},
    }
    entry.update({name: list(getattr(part, name)) for name in _NUMBERS if getattr(part, name)})
    if part.kind == kinds.CONV:
        entry["groups"] = part.groups
    if part.kind in (kinds.NEURONS, kinds.OUTPUT):
        entry["start"] = part.start
    if part.kind == kinds.NEURONS:
        entry["reset"] = part.reset
    return entry


def _arrays(network: Exchange) -> dict[str, np.ndarray]:
    keys = keys_of(network)
    return {
        keys[part.name, name]: np.asarray(array, np.float32)
        for part in network.parts
        for name, array in part.arrays.items()
    }


def _write_manifest(path: Path, record: dict[str, Any]) -> None:
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def write_npz(network: Exchange, path: Path, version: str) -> None:
    """Write the arrays as .npz, and the manifest beside it as .json.

    Args:
        network: The network.
        path: The .npz file.
        version: Version of spkeras.
    """
    with draft_of(path) as draft:
        write_arrays(draft, _arrays(network), compressed=True)
    with draft_of(path.with_suffix(".json")) as draft:
        _write_manifest(draft, manifest_of(network, version))


def whole(array: np.ndarray) -> bool:
    """Return whether an array holds whole numbers of 32 bits only."""
    return bool((array == np.round(array)).all() and (abs(array) < 2**31).all())


def write_header(network: Exchange, path: Path, version: str) -> None:
    """Write the arrays as constants of C: int32_t where all are whole numbers, else float.

    Args:
        network: The network.
        path: The .h file.
        version: Version of spkeras.
    """
    prefix = _safe(network.name) or "network"
    guard = f"{prefix.upper()}_H"
    lines = [f"/* {network.name}, written by spkeras {version}; docs/export.md. */"]
    lines += [f"#ifndef {guard}", f"#define {guard}", "#include <stdint.h>", ""]
    lines += [f"#define {prefix.upper()}_TIMESTEPS {network.timesteps}", ""]
    keys = keys_of(network)
    for part in network.parts:
        entry = _entry(part, keys)
        arrays = entry.pop("arrays")
        lines.append(f"/* {json.dumps(entry).replace('*/', '* /')} */")
        for name, key in arrays.items():
            lines += _constant(f"{prefix}_{key}", np.asarray(part.arrays[name], np.float32))
        lines.append("")
    lines.append(f"#endif /* {guard} */")
    with draft_of(path) as draft:
        draft.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _constant(name: str, array: np.ndarray) -> list[str]:
    """Return one constant, with the shape of its array in a comment."""
    integers = whole(array)
    # Nine digits give back every float32.
    words = [str(int(v)) if integers else f"{float(v):.9g}" for v in array.ravel()]
    if not integers:
        words = [f"{w}f" if any(sign in w for sign in ".en") else f"{w}.0f" for w in words]
    rows = [", ".join(words[i : i + _PER_LINE]) for i in range(0, len(words), _PER_LINE)]
    kind = "int32_t" if integers else "float"
    shape = " x ".join(map(str, array.shape)) or "1"
    return [
        f"/* {shape} */",
        f"static const {kind} {name}[{array.size}] = {{",
        *[f"    {row}," for row in rows],
        "};",
    ]


def write_images(network: Exchange, folder: Path, version: str) -> None:
    """Write a folder: manifest.json, and for each array a file that $readmemh reads.

    A line is a word of 32 bits: a whole number in two's complement where all of an array are whole, else a
    float32. The manifest has `memories`: file, words and format of each array.

    Args:
        network: The network.
        folder: A new folder.
        version: Version of spkeras.
    """
    with draft_of(folder) as draft:
        draft.mkdir()
        memories = {}
        for key, array in _arrays(network).items():
            integers = whole(array)
            flat = np.ascontiguousarray(array.ravel())
            words = (flat.astype(np.int64) & 0xFFFFFFFF) if integers else flat.view(np.uint32)
            text = "".join(f"{int(word):08x}\n" for word in words)
            (draft / f"{key}.hex").write_text(text)
            memories[key] = {
                "file": f"{key}.hex",
                "words": array.size,
                "shape": list(array.shape),
                "format": "int32" if integers else "float32",
            }
        record = {**manifest_of(network, version), "memories": memories}
        _write_manifest(draft / "manifest.json", record)
