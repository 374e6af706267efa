"""Evaluation of all kinds of converted networks: engines, times of answers, scores."""

from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from spkeras.errors import OptionError
from spkeras.graph import Graph
from spkeras.metrics import Score
from spkeras.plain.network import PlainNetwork
from spkeras.plain.simulator import PlainSimulator
from spkeras.simulation.by_events import evaluation_steps
from spkeras.simulation.engine import Choice, choose
from spkeras.snn.timing import Timed

if TYPE_CHECKING:
    from spkeras.simulation import Simulator
    from spkeras.simulation.windows import WindowSimulator
    from spkeras.snn.spike_loop import SpikeLoop
    from spkeras.ttfs.spike_windows import SpikeWindows

AnyNetwork: TypeAlias = "SpikeLoop | SpikeWindows | PlainNetwork"
AnySimulator: TypeAlias = "Simulator | WindowSimulator | PlainSimulator"


def simulator(loop: AnyNetwork, engine: str) -> AnySimulator:
    """Return what runs a network; a second run with the same settings compiles nothing.

    Args:
        loop: The layer of a converted model, or a network without Keras.
        engine: "dense", "events" or "auto".
    """
    if isinstance(loop, PlainNetwork):
        return PlainSimulator(loop)
    import keras

    from spkeras.ops.compiled import is_unfused
    from spkeras.simulation import Simulator
    from spkeras.simulation.windows import WindowSimulator

    settings = tuple(getattr(loop, name) for name in loop.changeable)
    key = (engine, settings, is_unfused(), keras.distribution.distribution())
    simulation: AnySimulator = loop.kept.of(
        key,
        loop.graph,
        lambda: (
            WindowSimulator(loop) if loop.windows else Simulator(cast("SpikeLoop", loop), engine)
        ),
    )
    return simulation


def engine_and_steps(loop: AnyNetwork, engine: str) -> tuple[Choice, np.ndarray]:
    """Return the engine that will run and why, and the times at which answers are scored."""
    if isinstance(loop, Timed):
        return choose(loop, engine), evaluation_steps(loop)
    if engine in ("events", "integers"):
        raise OptionError(
            f"engine={engine!r} with layers that fire in windows; allowed: 'auto', 'dense': each "
            "layer runs once"
        )
    reason = "each layer runs once, in its window"
    return Choice("closed form", reason), np.array([loop.latency])


def scores_of(loop: AnyNetwork, graph: Graph, y: Any, steps: int) -> list[Score]:
    """Return an empty score of each output, with the task that the targets define."""
    targets = y if isinstance(y, (list, tuple)) and len(graph.outputs) > 1 else [y]
    targets = [*targets, *[None] * (len(graph.outputs) - len(targets))]
    scores = []
    for name, target in zip(graph.outputs, targets, strict=True):
        node = graph[name]
        sigmoid = node.op == "activation" and node["function"] == "sigmoid"
        array = None if target is None else np.asarray(target)
        label = name.removesuffix(":readout").removesuffix(":linear")
        threshold = 0.5 if sigmoid else 0.0
        scores.append(
            Score(
                name=label,
                shape=node.shape,
                targets=array,
                steps=steps,
                threshold=threshold,
                first=loop.first_step(name),
            )
        )
    return scores
