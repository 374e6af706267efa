"""Classes and functions of the running program that files may name.

A file never decides which code runs: a class that some library registered with Keras stays
refused. The user trusts code by `spkeras.register_layer`, by `custom_objects`, or by a plugin of the
command line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import keras

from spkeras.errors import OptionError

if TYPE_CHECKING:
    from spkeras.keras_files.graph import LayerNode

_OWN = "spkeras>"
# Layer classes that may be made from a file, if Keras knows them by a registered name.
_TRUSTED: set[type] = set()
# Objects by the name that files use: those of plugins, and those given for the file being read.
_PLUGINS: dict[str, Any] = {}
_GIVEN: ContextVar[Mapping[str, Any]] = ContextVar("custom_objects", default={})


def trust(layer: type[keras.layers.Layer]) -> None:
    """Let files make layers of this class, if Keras knows it by a registered name.

    The class's code comes from the running program, not from the file.
    """
    _TRUSTED.add(layer)


def trust_named(objects: Mapping[str, Any]) -> None:
    """Let all files use these classes and functions, by their names."""
    _PLUGINS.update(_checked(objects))


@contextmanager
def given(objects: Mapping[str, Any] | None) -> Iterator[None]:
    """Let files that are read inside the block use these objects, as Keras's `custom_objects`.

    Raises:
        OptionError: no mapping from names to classes or functions.
    """
    known = {**_PLUGINS, **_checked(objects or {})}
    token = _GIVEN.set(known)
    try:
        with keras.saving.custom_object_scope(known):
            yield
    finally:
        _GIVEN.reset(token)


def _checked(objects: Mapping[str, Any]) -> Mapping[str, Any]:
    plain = isinstance(objects, Mapping) and all(
        isinstance(name, str) and callable(value) for name, value in objects.items()
    )
    if not plain:
        raise OptionError(
            f"custom_objects={objects!r:.80}; allowed: a dictionary from names to classes or "
            'functions, such as {"Gain": Gain}'
        )
    return objects


def named_in(stored: object) -> bool:
    """Return whether a stored configuration names one of the given objects."""
    text = str(stored) if _GIVEN.get() else ""
    return any(f"{name}'" in text for name in _GIVEN.get())


def is_given(name: str) -> bool:
    """Return whether a class or function of this name is given."""
    return name in _GIVEN.get()


def own_name(node: LayerNode) -> str | None:
    """Return the name under which Keras finds a class of spkeras or of the user; None if neither."""
    name = node.registered_name or node.class_name
    for candidate in (name, node.class_name, name.split(">")[-1], node.class_name.split(">")[-1]):
        if is_given(candidate):
            return candidate
    if name.startswith(_OWN):
        return name
    trusted = ">" in name and keras.saving.get_registered_object(name) in _TRUSTED
    return name if trusted else None


def is_own(node: LayerNode) -> bool:
    """Return whether a class is one of spkeras, or one that the user trusts."""
    return own_name(node) is not None


def become_own(node: LayerNode, class_name: str, module: str = "spkeras.layers.legacy") -> None:
    """Turn a node into one of spkeras's layers.

    Args:
        node: The node; its arguments are kept.
        class_name: Class in the module.
        module: By default the module with the layers for old files.
    """
    node.class_name = class_name
    node.module = module
    node.registered_name = f"{_OWN}{class_name}"
