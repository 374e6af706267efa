"""Simulation of a converted network, over samples or step by step.

Importing this package loads no backend: its modules `by_events`, `engine` and `record` run without.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spkeras.simulation.by_events import evaluation_steps
    from spkeras.simulation.engine import choose
    from spkeras.simulation.run import Simulator
    from spkeras.simulation.stream import Stream

_HOMES = {
    "Simulator": "run",
    "Stream": "stream",
    "choose": "engine",
    "evaluation_steps": "by_events",
}
__all__ = ["Simulator", "Stream", "choose", "evaluation_steps"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
