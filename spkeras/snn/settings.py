"""Settings of a simulation: checks against a network, and defaults that depend on it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from spkeras.errors import OptionError
from spkeras.graph import Graph, Node
from spkeras.passes.relays import is_relay
from spkeras.recipes.simulation import PARTS, Simulation

NAMES = tuple(Simulation.options())
# Names of settings in files of version 0.1.0, and today's.
FORMER_NAMES = {"coding": "input_encoding"}
# Settings that may be None: chosen from the network.
_OPEN = ("stagger",)
# Factor of the root in the automatic stagger, and latest start of the last layer as a share of T. Both were chosen by measuring (docs/accuracy.md).
_ROOT, _SHARE = 1.25, 0.65


def check_start(graph: Graph, timesteps: int, schedule: str, stagger: float | None) -> None:
    """Refuse a stagger with which a read-out starts at T or later.

    Args:
        graph: With neurons.
        timesteps: T.
        schedule: One of `SCHEDULES`; only clock-driven layers start one after the other.
        stagger: As given; None is always allowed.

    Raises:
        OptionError: the read-out starts at T or later.
    """
    depth = depth_of(graph)
    if schedule != "clock_driven" or stagger is None or int(depth * stagger) < timesteps:
        return
    raise OptionError(
        f"stagger={stagger!r} with timesteps={timesteps}: the read-out after {depth} layers of "
        f"neurons starts after {int(depth * stagger)} steps and receives no spike; allowed: up "
        f"to {_latest(timesteps, depth):g}, None (chosen automatically), or more time steps"
    )


def _latest(timesteps: int, depth: int) -> float:
    """Return the largest stagger, in sixteenths, with which a layer at this depth starts before T."""
    return (-(-PARTS * timesteps // depth) - 1) / PARTS


def automatic_stagger(timesteps: int, depth: int) -> float:
    """Return the stagger for a network of binary neurons: min(0.65 T / d, 1.25 sqrt(T / d)).

    A deep layer that starts at step 0 fires on its bias before spikes arrive, and the error of
    that transient falls only as 1 / T. A late start leaves fewer steps to fire in. The first
    term limits this loss at small T, the second one at large T.
    """
    per_layer = timesteps / max(depth, 1)
    chosen: float = round(PARTS * min(_SHARE * per_layer, _ROOT * per_layer**0.5)) / PARTS
    return min(chosen, _latest(timesteps, max(depth, 1)))


def depth_of(graph: Graph) -> int:
    """Return the number of layers of neurons on the longest path from input to output."""
    return max((node["depth"] for node in graph.of("readout")), default=0)


def stagger_in_force(graph: Graph, timesteps: int, stagger: float | None) -> float:
    """Return the stagger of a network with neurons: the given one, or the default for T."""
    if stagger is None:
        neurons = graph.of("neuron")
        # Relays between binary neurons are signed; all of them start as if they were binary.
        binary = all(
            (node.neuron.one_bit or is_relay(node)) and node["spike_code"] == "rate"
            for node in neurons
        )
        stagger = automatic_stagger(timesteps, depth_of(graph)) if binary else 0
    return int(stagger) if stagger % 1 == 0 else stagger


def start(node: Node, stagger: float) -> int:
    """Return the step, from 0, at which a layer of neurons or a read-out starts."""
    return int(node["depth"] * stagger)


class Configurable(Protocol):
    """An object with the settings of `changeable` as attributes."""

    changeable: tuple[str, ...]

    def check(self) -> None:
        """Refuse settings out of their range."""


Loop = TypeVar("Loop", bound=Configurable)


@contextmanager
def configured(loop: Loop, settings: Mapping[str, Any]) -> Iterator[Loop]:
    """Change settings of a spike loop for a `with` block."""
    before = apply(loop, settings)
    try:
        yield loop
    finally:
        apply(loop, before)


def apply(loop: Configurable, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Change settings, all or none, and return the former ones.

    Raises:
        OptionError: unknown setting, or a value out of its range; no setting is changed.
    """
    unknown = set(settings) - set(loop.changeable)
    if unknown:
        allowed = loop.changeable or "none, since windows are fixed by the conversion"
        raise OptionError(f"unknown settings {sorted(unknown)}; allowed: {allowed}")
    missing = [name for name, value in settings.items() if value is None and name not in _OPEN]
    if missing:
        raise OptionError(f"{missing[0]}=None; allowed: a value, or leave {missing[0]} out")
    before = {name: getattr(loop, name) for name in settings}
    try:
        for name, value in settings.items():
            setattr(loop, name, value)
        loop.check()
    except BaseException:
        for name, value in before.items():
            setattr(loop, name, value)
        raise
    return before
