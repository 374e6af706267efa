"""Samples from single arrays (.npy) and from tables of vectors (.csv)."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from spkeras.data.samples import ALLOWED, Data
from spkeras.errors import DataError
from spkeras.ops.sampling import chosen

# Names of the column that holds the labels of a table.
LABELS = ("label", "labels", "class", "target", "y")
_SEPARATORS = ",;\t"


def read_npy(path: Path, samples: int | None) -> Data:
    """Read samples from a .npy file; labels of `x_test.npy` from `y_test.npy` beside it.

    Raises:
        DataError: the file is missing, unreadable, or holds no array of samples.
    """
    x = _array(path)
    rows = chosen(len(x), samples)
    other = path.with_name(f"y{path.name[1:]}")
    if not path.name.startswith("x") or not other.is_file():
        return Data((np.asarray(x[rows]),), None, str(path))
    y = _array(other)
    if len(y) != len(x):
        raise DataError(f"{other}: holds {len(y)} labels for {len(x)} samples of {path}")
    note = f"{path}: labels are those of {other}"
    return Data((np.asarray(x[rows]),), np.asarray(y[rows]), str(path), (note,))


def _array(path: Path) -> np.ndarray:
    """Return an array that is read where it is used."""
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file. {ALLOWED}") from error
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{path}: cannot be read as .npy ({error}); save a plain numeric array with np.save"
        ) from error
    if not isinstance(array, np.ndarray) or not array.ndim:
        raise DataError(f"{path}: holds no array of samples; save one with np.save")
    return array


def read_csv(path: Path, samples: int | None) -> Data:
    """Read vectors from a .csv file: one sample a line, one number a column.

    A first line that holds text names the columns; the column named "label" (or one of `LABELS`)
    holds the labels.

    Raises:
        DataError: the file is missing, empty or has a cell that is no number.
    """
    try:
        text = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file. {ALLOWED}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error})") from error
    first = text[0] if text else ""
    lines = [line for line in csv.reader(text, delimiter=max(_SEPARATORS, key=first.count)) if line]
    if not lines:
        raise DataError(f"{path}: holds no line; give one sample a line, better hundreds")
    names = [cell.strip().lower() for cell in lines[0]]
    headed = not all(map(_is_number, names))
    numbers = _numbers(path, lines[1:] if headed else lines, 2 if headed else 1)
    numbers = numbers[chosen(len(numbers), samples)]
    places = [index for index, name in enumerate(names) if headed and name in LABELS]
    if len(places) > 1:
        raise DataError(
            f"{path}: {len(places)} columns are named as labels; allowed: one of {LABELS}"
        )
    x = np.delete(numbers, places, axis=1).astype(np.float32)
    return Data((x,), numbers[:, places[0]] if places else None, str(path))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _numbers(path: Path, lines: Iterable[list[str]], first: int) -> np.ndarray:
    """Return the cells of all lines, (lines, columns)."""
    rows: list[list[float]] = []
    for number, cells in enumerate(lines, first):
        if rows and len(cells) != len(rows[0]):
            raise DataError(
                f"{path}: line {number} has {len(cells)} columns, the first one {len(rows[0])}"
            )
        wrong = next((cell for cell in cells if not _is_number(cell)), None)
        if wrong is not None:
            raise DataError(
                f"{path}: line {number} holds {wrong!r}; allowed: numbers, below a line of names"
            )
        rows.append([float(cell) for cell in cells])
    if not rows:
        raise DataError(f"{path}: holds no sample; give one a line, better hundreds")
    return np.array(rows)
