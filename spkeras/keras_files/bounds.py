"""A bound on the weights that Keras makes while it builds the model of a file."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import keras

from spkeras.files.limits import Allowance, stored_size
from spkeras.ops.memory import unset

# The allowance of the load in this thread; others may make layers at the same time.
_allowance: ContextVar[Allowance | None] = ContextVar("allowance", default=None)
_one_load = threading.RLock()


@contextmanager
def bounded_weights(path: Path) -> Iterator[None]:
    """Refuse a model whose weights are far larger than its file, before they are made.

    A configuration may state layers of any size, and Keras fills their weights with random numbers
    before it reads the stored ones.

    Args:
        path: The model file.

    Raises:
        UnsafeFileError: the weights take more than `spkeras.files.limits` allows.
    """
    allowance = Allowance(str(path), stored_size(path))
    add_weight = keras.layers.Layer.add_weight

    def counted(self: keras.layers.Layer, *arguments: Any, **others: Any) -> Any:
        bound = _allowance.get()
        if bound is not None:
            shape = others.get("shape", arguments[0] if arguments else None)
            bound.take(str(self.name), _bytes(shape))
            # The file has the values: random numbers take time, and on JAX a compilation each.
            others["initializer"] = unset
            arguments = arguments[:1]
        return add_weight(self, *arguments, **others)

    with _one_load:
        token = _allowance.set(allowance)
        keras.layers.Layer.add_weight = counted
        try:
            yield
        except Exception as error:  # Keras wraps the refusal in its own errors
            if allowance.taken > allowance.limit:
                raise allowance.refusal() from error
            raise
        finally:
            keras.layers.Layer.add_weight = add_weight
            _allowance.reset(token)


def _bytes(shape: Any) -> int:
    """Return the size of a weight in bytes, at four for each number."""
    sizes = (shape,) if isinstance(shape, int) else tuple(shape or ())
    return 4 * math.prod(size for size in sizes if isinstance(size, int))
