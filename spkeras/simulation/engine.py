"""Choice of the engine that runs a network: Keras (one dense pass per step) or events.

Both compute the same network in float32, but add in another order. A potential within rounding
of its threshold may therefore fire under one and not under the other. On weights whose sums are
exact, both agree spike for spike.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from spkeras.errors import OptionError
from spkeras.events.compiler import compile_program
from spkeras.events.engine import missing, prepare
from spkeras.events.support import refusal
from spkeras.ops.names import ENGINES
from spkeras.simulation.cost import preferred
from spkeras.simulation.rows import Rows
from spkeras.snn.timing import Timed


class Choice(NamedTuple):
    """The engine of a run.

    Attributes:
        engine: "dense", "events", "integers" or "closed form".
        reason: Why, as a phrase.
    """

    engine: str
    reason: str


def choose(loop: Timed, engine: str) -> Choice:
    """Return the engine for a network with its current settings.

    Args:
        loop: The spike loop.
        engine: "dense", "events", "integers", or "auto": integers for a network of whole numbers,
            else the one of the lower expected cost (`spkeras.simulation.cost`) of those that can
            run it.

    Raises:
        OptionError: unknown engine, or "events" for a network or settings they cannot run.
    """
    if engine not in ENGINES:
        raise OptionError(f"engine={engine!r}; allowed: {ENGINES}")
    if loop.schedule != "clock_driven":
        graded = [node.name for node in loop.network.graph.of("neuron") if node.neuron.graded]
        if graded:
            raise OptionError(
                f"schedule={loop.schedule!r} with graded spikes ({graded[0]}): the spikes of a "
                "window have no closed form; measure schedule='clock_driven' (predict works under "
                "both)"
            )
        if engine in ("events", "integers"):
            raise OptionError(
                f"engine={engine!r} with schedule={loop.schedule!r}; they run the clock-driven "
                "schedule, the other has a closed form that takes one pass: leave engine at 'auto'"
            )
        return Choice("closed form", "a layer-synchronous network takes one pass")
    if engine == "dense":
        return Choice("dense", "asked for")
    if engine == "integers" or (engine == "auto" and is_whole(loop) and not _not_whole(loop)):
        return _integers(loop, engine)
    reason = _refusal(loop)
    if reason and engine == "events":
        raise OptionError(f"engine='events': {reason}; use engine='dense', or 'auto'")
    if reason:
        return Choice("dense", f"no events: {reason}")
    if engine == "events":
        return Choice("events", "asked for")
    return Choice(*preferred(loop.network.graph))


def is_whole(loop: Timed) -> bool:
    """Return whether a network has whole numbers."""
    integers = loop.network.graph.integers
    return integers is not None and integers.is_whole


def _not_whole(loop: Timed) -> str | None:
    """Return why a network of whole numbers cannot run in them; None if it can."""
    if loop.input_encoding != "constant":
        return f"input_encoding={loop.input_encoding!r}; they take a constant input current"
    if loop.presteps:
        return "correction='offset_spikes', which runs each layer twice"
    return missing()


def _integers(loop: Timed, engine: str) -> Choice:
    """Return "integers", or say why they cannot run a network."""
    reason = _not_whole(loop)
    if not is_whole(loop):
        reason = "the network has real numbers; convert it with threshold_bits (--threshold-bits)"
    if reason:
        raise OptionError(f"engine='integers': {reason}; use engine='dense', or 'auto'")
    return Choice("integers", "whole numbers" if engine == "auto" else "asked for")


def _refusal(loop: Timed) -> str | None:
    if missing():
        return missing()
    if loop.input_encoding != "constant":
        return f"input_encoding={loop.input_encoding!r}; events take a constant input current"
    if loop.presteps:
        return "correction='offset_spikes', which runs each layer twice"
    return refusal(loop.network.graph)


class Events:
    """A network compiled to a program of events.

    Args:
        loop: A spike loop that events can run; the program keeps its current settings and
            weights.
    """

    def __init__(self, loop: Timed) -> None:
        self.program = compile_program(loop.graph, loop.bias_currents(), loop.offset)
        prepare()
        self.frontier = [node.name for node in loop.network.frontier]
        self._standing = None
        names = [name for name, _ in self.program.own]
        if set(names) - set(self.frontier):
            self._standing = loop.standing(names)

    def batch(self, drive: Sequence[np.ndarray], samples: int, analysed: ArrayLike = ()) -> Rows:
        """Return a batch of samples in its state before the first step.

        Args:
            drive: Constant input currents, one array per node of the frontier.
            samples: Number of samples.
            analysed: Indices of the samples whose graded spikes are analysed.
        """
        values = dict(zip(self.frontier, drive, strict=True))
        names = [name for name, _ in self.program.own]
        if self._standing is not None:
            values = dict(zip(names, self._standing(drive), strict=True))
        parts = [np.reshape(values[name], (samples, -1)) for name in names]
        own = np.concatenate([*parts, np.zeros((samples, 0), np.float32)], axis=1)
        return Rows(self.program, own, analysed=analysed)

    def readouts(self, outputs: np.ndarray) -> list[np.ndarray]:
        """Split the values of all read-outs (..., values) into one array per read-out."""
        shapes = [shape for _, shape in self.program.outputs]
        sizes = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
        parts = np.split(outputs, sizes, axis=-1)
        return [
            part.reshape(*part.shape[:-1], *shape)
            for part, shape in zip(parts, shapes, strict=True)
        ]
