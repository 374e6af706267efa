"""The run of an evaluation in this process, of any kind of network."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from spkeras.data import DataLike
from spkeras.facade.networks import AnySimulator, simulator
from spkeras.facade.parts import Part, Shard, run_shard
from spkeras.facade.shards import EvaluationPlan
from spkeras.metrics.early_exit import EarlyExit
from spkeras.ops import log
from spkeras.ops.progress import Progress, quiet
from spkeras.plain.network import PlainNetwork
from spkeras.report.objects import Evaluation
from spkeras.simulation.engine import choose
from spkeras.snn.settings import configured


def scored(plan: EvaluationPlan, engine: str, insist: bool, progress: Progress) -> Evaluation:
    """Run a plan batch by batch and return its result; warnings go to the logger, too.

    Args:
        plan: What runs.
        engine: "dense", "events" or "auto".
        insist: Accept labels on which the CNN is near chance.
        progress: Receives (sample steps done, sample steps in all).
    """
    simulation = simulator(plan.loop, "dense" if plan.frames else engine)
    if not insist:
        plan.check_labels(simulation)
    start = time.perf_counter()
    total = plan.added(_in_turn(plan, simulation, progress), progress)
    result = plan.result(plan.loop, total, time.perf_counter() - start)
    for text in result.warnings:
        log.warn(text)
    return result


def evaluate_plain(
    network: PlainNetwork,
    x: DataLike,
    y: object = None,
    *,
    batch_size: int = 100,
    any_range: bool = False,
    insist: bool = False,
    early_exit: EarlyExit | float | None = None,
    predictions: bool = False,
    progress: Progress = quiet,
    **settings: Any,
) -> Evaluation:
    """Evaluate a network without Keras, as `spkeras.evaluate` does.

    Args:
        network: One that `runs` with the settings, and `suits` the samples.
        x, y, batch_size, any_range, insist, early_exit, predictions, progress: As there.
        settings: Settings of this run instead of the network's own.
    """
    with configured(network, settings):
        plan = EvaluationPlan(
            network.name,
            network,
            x,
            y,
            batch_size=batch_size,
            any_range=any_range,
            engine="auto" if choose(network, "auto").engine == "events" else "events",
            early_exit=early_exit,
            predictions=predictions,
        )
        return scored(plan, "events", insist, progress)


def _in_turn(plan: EvaluationPlan, simulation: AnySimulator, progress: Progress) -> Iterator[Part]:
    """Run all batches here, one after the other."""
    for shard in plan.shards():
        yield run_shard(simulation, shard, partial(_advanced, plan, shard, progress))


def _advanced(plan: EvaluationPlan, shard: Shard, progress: Progress, steps: int) -> None:
    progress(shard.first * len(plan.steps) + steps * len(shard.samples[0]), plan.work)
