"""Samples from .npz files."""

from pathlib import Path

import numpy as np

from spkeras.data.samples import ALLOWED, Data, checked, fallback_note, other
from spkeras.errors import DataError
from spkeras.files.archives import DAMAGE
from spkeras.files.arrays import Arrays
from spkeras.ops.sampling import chosen

# The first bytes of an .npy file.
NPY = b"\x93NUMPY"


def read_npz(path: Path, part: str, samples: int | None) -> Data:
    """Read one part from an .npz file; unnumbered arrays or the other part as a fallback.

    Raises:
        DataError: the file is missing, unreadable, a single array, or has no array of samples.
    """
    try:
        if _first_bytes(path) == NPY:
            raise DataError(
                f"{path}: is a single array; name it .npy, or save x and y with np.savez"
            )
        with Arrays(path) as file:
            return _from_arrays(path, file, part, samples)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file. {ALLOWED}") from error
    except DataError:
        raise
    except DAMAGE as error:
        raise DataError(
            f"{path}: cannot be read as .npz ({error}). Save plain numeric arrays with "
            "np.savez(path, x_test=..., y_test=...)."
        ) from error


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(NPY))


def _from_arrays(path: Path, file: Arrays, part: str, samples: int | None) -> Data:
    for taken, suffix in ((part, f"_{part}"), ("", ""), (other(part), f"_{other(part)}")):
        x = _stored(file, f"x{suffix}")
        if not x:
            continue
        y = _stored(file, f"y{suffix}")
        if any(not a.ndim for a in (*x, *y)):
            raise DataError(f"{path}: holds single numbers; give arrays of samples")
        # Lengths are compared before the choice of rows, which would hide extra labels.
        checked(Data(tuple(x), tuple(y), str(path)))
        rows = chosen(len(x[0]), samples)
        labels = tuple(a[rows] for a in y) or None
        return Data(
            tuple(a[rows] for a in x),
            labels[0] if labels and len(labels) == 1 else labels,
            str(path),
            notes=fallback_note(str(path), part, taken),
            part=taken,
        )
    raise DataError(
        f"{path}: holds {', '.join(file) or 'nothing'}; allowed: x_{part} and y_{part}, "
        "or x and y (several inputs: x_0, x_1, ...)"
    )


def _stored(file: Arrays, name: str) -> list[np.ndarray]:
    """Return the array of that name, or several numbered from 0."""
    if name in file:
        return [file[name]]
    found: list[np.ndarray] = []
    while f"{name}_{len(found)}" in file:
        found.append(file[f"{name}_{len(found)}"])
    return found
