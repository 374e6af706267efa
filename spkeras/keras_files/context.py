"""Facts about a file that the migrations share, and their reports."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from spkeras.keras_files.graph import LayerNode

Version = tuple[int, ...]
KERAS_3: Version = (3,)
KERAS_2: Version = (2,)
# First word of a change that may alter outputs.
WARNING = "warning"
# Exceptions that Keras raises for a configuration that it cannot build.
KERAS_FAILURES = (
    *(TypeError, ValueError, RuntimeError, LookupError),
    *(AttributeError, ImportError, AssertionError, OSError),
)


@dataclass
class Context:
    """Facts about the file, and the changes and refusals so far.

    Attributes:
        version: Keras version of the writer, as numbers.
        tag: Text after the numbers, such as "-tf" for Keras inside TensorFlow.
        backend: "tensorflow", "theano" or "" when unknown.
        replace: Replacement per layer name, as the user wrote it.
        shapes: Stored weight shapes of a layer name.
        holds: Whether the file has weights of a layer of one of these names.
        silent_format: Order of axes of layers that do not state it.
        separate: Whether the weights were saved apart from the architecture.
        open_sizes: Whether a model's input size had to be left open.
    """

    version: Version
    tag: str = ""
    backend: str = ""
    replace: dict[str, str] = field(default_factory=dict)
    shapes: Callable[[str], list[tuple[int, ...]]] = lambda name: []
    holds: Callable[[Collection[str]], bool] = lambda names: False
    silent_format: str = "channels_last"
    open_sizes: bool = False
    separate: bool = False
    replaced: set[str] = field(default_factory=set)
    _refused: dict[int, str] = field(default_factory=dict)
    _changes: dict[str, list[str]] = field(default_factory=dict)

    @property
    def before_keras_3(self) -> bool:
        return self.version < KERAS_3

    def has_weights(self, node: LayerNode) -> bool:
        """Return whether the file has weights of a layer, which a replacement leaves out."""
        return self.holds({node.stored_name, node.group} - {""})

    def changed(self, cause: str, node: LayerNode) -> None:
        """Record a change; layers with the same cause share one sentence."""
        names = self._changes.setdefault(cause, [])
        if node.stored_name not in names:
            names.append(node.stored_name)

    def refuse(self, node: LayerNode, reason: str) -> None:
        """Record a layer that cannot be read, with its first reason as a sentence."""
        self._refused.setdefault(id(node), f"layer {node.label}: {reason}")

    def problem_of(self, node: LayerNode) -> str:
        """Return why a layer cannot be read; "" if it can."""
        return self._refused.get(id(node), "")

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence per layer that cannot be read."""
        return tuple(self._refused.values())

    def problems_in(self, root: LayerNode) -> tuple[str, ...]:
        """Return the problems in the order of a tree."""
        ordered = filter(None, map(self.problem_of, root.walk()))
        return tuple(dict.fromkeys([*ordered, *self.problems]))

    @property
    def changes(self) -> tuple[str, ...]:
        """One sentence per cause, ending with the names of the layers."""
        return tuple(f"{cause}: {_listed(names)}." for cause, names in self._changes.items())


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def parse_version(stored: str) -> tuple[Version, str]:
    """Split "2.2.4-tf" into ``(2, 2, 4)`` and "-tf"; an absent version gives ``()``.

    Args:
        stored: The version attribute of the file.
    """
    match = re.match(r"(\d+(?:\.\d+)*)(.*)", stored)
    if match is None:
        return (), ""
    return tuple(int(part) for part in match.group(1).split(".")), match.group(2)
