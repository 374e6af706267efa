"""File of the finished points of a sweep, from which a stopped one goes on."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from spkeras.errors import OptionError, shown
from spkeras.files.digests import Digest
from spkeras.files.drafts import draft_of
from spkeras.metrics.evaluation import plain
from spkeras.metrics.sweep import Baseline, SweepPoint

_MARK, _FORMAT = "spkeras sweep", 2


class Checkpoint:
    """Records of finished points, one line of JSON each, after a line with what they depend on.

    A line that is damaged counts as not written: its point is measured again.

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
        depends_on = Digest(plain(settings)).add(arrays).words()
        self.head = {_MARK: _FORMAT, "depends on": depends_on}
        self.known: dict[str, Any] = {}
        if path.exists():
            self._read()

    def _read(self) -> None:
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise OptionError(f"{self.path}: cannot be read as a checkpoint ({error})") from error
        first, *lines = text.split("\n")
        self._check(_parsed(first))
        # The last line is empty, or was cut by the interruption.
        for line in lines[:-1]:
            entry = _parsed(line)
            whole = isinstance(entry, dict) and entry.get("sha256") == _hash(entry)
            if whole and _is_record(entry.get("record")):
                self.known[_words(entry["key"])] = entry["record"]

    def _check(self, head: object) -> None:
        """Raise an OptionError for the first line of another file."""
        version = head.get(_MARK) if isinstance(head, dict) else None
        if version in range(1, _FORMAT) or isinstance(version, int) and version > _FORMAT:
            raise OptionError(
                f"{self.path}: is a checkpoint of format {shown(version)}, which another version "
                f"of spkeras wrote; allowed: {_FORMAT}; delete it or name another file"
            )
        if head != self.head:
            raise OptionError(
                f"{self.path}: holds points of another sweep (other model, data or settings), or "
                "is no checkpoint; delete it or name another file"
            )

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
        entries = [{"key": json.loads(k), "record": r} for k, r in self.known.items()]
        lines = [json.dumps(self.head)]
        lines += [json.dumps({**entry, "sha256": _hash(entry)}) for entry in entries]
        try:
            with draft_of(self.path) as draft:
                draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
        except OSError as error:
            raise OptionError(f"{self.path}: cannot be written ({error})") from error


def _is_record(record: object) -> bool:
    """Return whether a value has the form of what `add` receives."""
    if not isinstance(record, dict):
        return False
    if set(record) == {"refused"}:
        return isinstance(record["refused"], str)
    return (
        set(record) == {"point", "cnn", "measure"}
        and isinstance(record["measure"], str)
        and _has_fields(record["point"], SweepPoint)
        and _has_fields(record["cnn"], Baseline)
    )


def _has_fields(value: object, form: type) -> bool:
    """Return whether a value has all fields of a dataclass, of their types."""
    hints = get_type_hints(form)
    return (
        isinstance(value, dict)
        and set(value) == set(hints)
        and all(_is_of(value[name], hint) for name, hint in hints.items())
    )


def _is_of(value: object, hint: Any) -> bool:
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    allowed = tuple(get_origin(kind) or kind for kind in kinds)
    return isinstance(value, (*allowed, int) if float in allowed else allowed)


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _words(key: Mapping[str, Any]) -> str:
    return json.dumps(plain(key), sort_keys=True)


def _hash(entry: Mapping[str, Any]) -> str:
    """Return the hash of a line: one that was damaged, and is JSON still, does not fit it."""
    return Digest([entry.get("key"), entry.get("record")]).words()
