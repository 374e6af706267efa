"""NIR files read as plain records, with the checks of `spkeras.files` before a number is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from spkeras.errors import ModelFileError, UnsafeFileError, shown
from spkeras.files.hdf5 import opened, read_array
from spkeras.files.limits import Allowance

Field = np.ndarray | str
# More nodes than this are no network that runs: each becomes a layer of a Keras model.
MOST_NODES = 10_000
_MOST_TEXT = 4096


@dataclass(frozen=True, eq=False)
class RawNode:
    """A node as the file has it.

    Attributes:
        name: Its name.
        type: Its type, as "Conv2d".
        fields: Arrays and texts by name.
        metadata: The same, of its metadata.
    """

    name: str
    type: str
    fields: Mapping[str, Field]
    metadata: Mapping[str, Field]


@dataclass(frozen=True, eq=False)
class RawGraph:
    """A graph as the file has it.

    Attributes:
        place: The file, as messages name it.
        nodes: The nodes by name.
        edges: Pairs of names.
        metadata: Arrays and texts of the graph's metadata.
    """

    place: str
    nodes: Mapping[str, RawNode]
    edges: tuple[tuple[str, str], ...]
    metadata: Mapping[str, Field]


def read_nir(path: str | Path) -> RawGraph:
    """Return the graph of a NIR file.

    Raises:
        ModelFileError: the file is missing, damaged, or no NIR file.
        UnsafeFileError: it would read other files, or take far more memory than its size.
    """
    path = Path(path)
    place = str(path)
    try:
        size = path.stat().st_size
        with opened(path, place) as file:
            return _graph(file, place, Allowance(place, size))
    except UnsafeFileError:
        raise
    except FileNotFoundError:
        raise ModelFileError(f"{place}: no such file; give a NIR file") from None
    except Exception as error:  # the HDF5 library fails in many ways on damaged files
        raise ModelFileError(
            f"{place}: cannot be read as a NIR file ({shown(error)}); write it again, for example "
            "with `spkeras export`"
        ) from error


def _graph(file: h5py.File, place: str, allowance: Allowance) -> RawGraph:
    node = file["node"]
    group, edges = node["nodes"], node["edges"]
    if not isinstance(group, h5py.Group) or not isinstance(edges, h5py.Dataset):
        raise ValueError("'/node' holds no nodes and edges")
    if len(group) > MOST_NODES or edges.size > 20 * MOST_NODES:
        raise ValueError(f"{len(group)} nodes, {edges.size} ends of edges; that is no network")
    nodes = {name: _node(name, item, allowance) for name, item in group.items()}
    if edges.size and (edges.ndim != 2 or edges.shape[1] != 2):
        raise ValueError(f"edges of shape {edges.shape}; allowed: (edges, 2)")
    _check_text(edges)
    # One at a time: all of them could name one long text.
    ends = tuple((_decoded(a), _decoded(b)) for a, b in (edges[i] for i in range(len(edges))))
    unknown = {name for pair in ends for name in pair} - set(nodes)
    if unknown:
        raise ValueError(f"edges name nodes that are not there: {sorted(unknown)[:5]}")
    return RawGraph(place, nodes, ends, _fields(node.get("metadata"), allowance))


def _node(name: str, item: object, allowance: Allowance) -> RawNode:
    if not isinstance(item, h5py.Group) or "type" not in item:
        raise ValueError(f"node {name!r} has no type")
    fields = _fields(item, allowance)
    return RawNode(name, str(fields["type"]), fields, _fields(item.get("metadata"), allowance))


def _fields(group: object, allowance: Allowance) -> dict[str, Field]:
    """Return the datasets of a group; groups in it are left out."""
    if not isinstance(group, h5py.Group):
        return {}
    found: dict[str, Field] = {}
    for name, item in group.items():
        if not isinstance(item, h5py.Dataset):
            continue
        if h5py.check_string_dtype(item.dtype) is not None:
            if item.shape == ():
                _check_text(item)
                found[name] = _decoded(item[()])
        else:
            found[name] = read_array(item, allowance)
    return found


def _check_text(item: h5py.Dataset) -> None:
    """Refuse texts of one length that is too long, before they are read."""
    if item.dtype.itemsize > _MOST_TEXT:
        raise ValueError(
            f"{item.name!r}: texts of {item.dtype.itemsize} bytes; allowed: {_MOST_TEXT}"
        )


def _decoded(value: object) -> str:
    text = value.decode("utf-8") if isinstance(value, bytes) else str(value)
    if len(text) > _MOST_TEXT:
        raise ValueError(f"a text of {len(text)} characters; allowed: {_MOST_TEXT}")
    return text
