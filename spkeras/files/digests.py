"""Hashes of what a checkpoint depends on."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np


class Digest:
    """A hash that grows with what is added, in its order.

    Args:
        settings: Plain values, as JSON has them.
    """

    def __init__(self, settings: Any = None) -> None:
        self._sha = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())

    def add(self, arrays: Iterable[np.ndarray]) -> "Digest":
        """Add arrays with their types and shapes."""
        for array in arrays:
            array = np.asarray(array)
            self._sha.update(f"{array.dtype} {array.shape}".encode())
            self._sha.update(np.ascontiguousarray(array).tobytes())
        return self

    def words(self) -> str:
        """Return the hash of what was added so far."""
        return self._sha.hexdigest()
