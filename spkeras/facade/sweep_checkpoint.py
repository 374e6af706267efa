"""File of the finished points of a sweep, from which a stopped one goes on."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spkeras.errors import OptionError
from spkeras.files.drafts import draft_of
from spkeras.metrics.evaluation import plain

_FORMAT = 1


class Checkpoint:
    """Records of finished points, one line of JSON each, behind a line with what they depend on.

    Args:
        path: The file; it is created with the first point.
        arrays: Weights of the CNN, samples and labels.
        settings: All else that every point depends on.

    Raises:
        OptionError: the file is of another sweep, or no checkpoint, or cannot be read.
    """

    def __init__(
        self,
        path: Path,
        arrays: Sequence[np.ndarray],
        settings: Mapping[str, Any],
    ) -> None:
        self.path = path
        self.head = {"spkeras sweep": _FORMAT, "depends on": _digest(arrays, settings)}
        self.known: dict[str, Any] = {}
        if path.exists():
            self._read()

    def _read(self) -> None:
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise OptionError(f"{self.path}: cannot be read as a checkpoint ({error})") from error
        first, *lines = text.split("\n")
        if _parsed(first) != self.head:
            raise OptionError(
                f"{self.path}: holds points of another sweep (other model, data or settings), or "
                "is no checkpoint; delete it or name another file"
            )
        # The last line is empty, or was cut by the interruption.
        for line in lines[:-1]:
            entry = _parsed(line)
            if isinstance(entry, dict) and {"key", "record"} <= set(entry):
                self.known[_words(entry["key"])] = entry["record"]

    def find(self, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the record of a point that is finished, or None."""
        record: dict[str, Any] | None = self.known.get(_words(key))
        return record

    def add(self, key: Mapping[str, Any], record: Mapping[str, Any]) -> None:
        """Keep the record of a finished point.

        Raises:
            OptionError: the file cannot be written.
        """
        self.known[_words(key)] = plain(record)
        entries = ({"key": json.loads(k), "record": r} for k, r in self.known.items())
        lines = [json.dumps(self.head), *map(json.dumps, entries)]
        try:
            with draft_of(self.path) as draft:
                draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
        except OSError as error:
            raise OptionError(f"{self.path}: cannot be written ({error})") from error


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _words(key: Mapping[str, Any]) -> str:
    return json.dumps(plain(key), sort_keys=True)


def _digest(arrays: Sequence[np.ndarray], settings: Mapping[str, Any]) -> str:
    """Return a hash of all that the points depend on."""
    sha = hashlib.sha256(json.dumps(plain(settings), sort_keys=True).encode())
    for array in arrays:
        sha.update(f"{array.dtype} {array.shape}".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()
