"""Saved models of any Keras version, read as models of Keras 3.

Importing this package loads no backend: `container` reads files without.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spkeras.keras_files.read import LoadedModel, Reading, read_model, read_partly

__all__ = ["LoadedModel", "Reading", "read_model", "read_partly"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.read"), name)
