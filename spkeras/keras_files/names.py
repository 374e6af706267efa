"""Names that Keras makes from classes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable


def numbered(names: Iterable[str]) -> list[str]:
    """Return unique names as Keras makes them: conv2d, conv2d_1, conv2d_2, ...

    Args:
        names: Names that can repeat.
    """
    counts: Counter[str] = Counter()
    unique = []
    for name in names:
        unique.append(f"{name}_{counts[name]}" if counts[name] else name)
        counts[name] += 1
    return unique


def snake_case(name: str) -> str:
    """Return a class name as Keras writes it in zips: Conv2DTranspose is conv2d_transpose.

    Args:
        name: Name of the class.
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
