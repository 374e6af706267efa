"""Evaluations whose batches are Ray tasks; the result equals that of one process.

The part of a batch consists of counts and of sums over the batch. Parts are added in the order
of the batches, as in `spkeras.evaluate`, so no sum depends on which worker finishes first. When
a worker dies, Ray gives its batch to another one.
"""

import hashlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from spkeras.cluster.session import LOCAL, connected
from spkeras.cluster.worker import Configuration, versions
from spkeras.cluster.workers import Task, Workers
from spkeras.data import DataLike, Source, open_data
from spkeras.data.layout import Layout
from spkeras.errors import OptionError
from spkeras.facade.parts import Part
from spkeras.facade.shards import EvaluationPlan
from spkeras.metrics import EarlyExit
from spkeras.ops.names import ENGINES
from spkeras.ops.progress import Progress, quiet
from spkeras.report.objects import Evaluation
from spkeras.simulation import Simulator
from spkeras.snn.model import loop_of
from spkeras.snn.settings import NAMES, configured


def evaluate(
    snn: keras.Model,
    x: DataLike,
    y: object = None,
    *,
    address: str = LOCAL,
    cpus: int | None = None,
    batch_size: int = 100,
    any_range: bool = False,
    insist: bool = False,
    engine: str = "auto",
    early_exit: EarlyExit | float | None = None,
    cnn: keras.Model | None = None,
    predictions: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> Evaluation:
    """Run `spkeras.evaluate` with its batches distributed over a Ray cluster.

    Args:
        snn, x, y, batch_size, any_range, insist, engine, early_exit, cnn, predictions, progress, settings:
            As
            in `spkeras.evaluate`; progress is called after each batch.
        address: "local" for a cluster of this machine that ends with the call; host:port,
            ray://host:port or "auto" for a running one.
        cpus: Processors, and threads, per worker. The default is the number that this process may
            use, so that the backend splits sums as here. With fewer, more batches run at once.

    Returns:
        As `spkeras.evaluate`, and equal to it bit for bit, except for `seconds`. The condition:
        the backend's kernels do not depend on the number of threads, or `cpus` is the default.

    Raises:
        DataError, OptionError: as in `spkeras.evaluate`, before any batch is sent.
        ClusterError: no cluster answers at the address, workers have other versions, or one
            batch killed six workers.
    """
    (result,) = sweep(
        snn,
        x,
        y,
        [settings],
        address=address,
        cpus=cpus,
        batch_size=batch_size,
        any_range=any_range,
        insist=insist,
        engine=engine,
        early_exit=early_exit,
        cnn=cnn,
        predictions=predictions,
        progress=progress,
    )
    return result


def sweep(
    snns: keras.Model | Sequence[keras.Model],
    x: DataLike,
    y: object = None,
    settings: Sequence[Mapping[str, Any]] = ({},),
    *,
    address: str = LOCAL,
    cpus: int | None = None,
    batch_size: int = 100,
    any_range: bool = False,
    insist: bool = False,
    engine: str = "auto",
    early_exit: EarlyExit | float | None = None,
    cnn: keras.Model | None = None,
    predictions: bool = False,
    progress: Progress | None = None,
) -> list[Evaluation]:
    """Evaluate networks under several settings, with all batches in one queue.

    Args:
        snns: A converted network, or several (other recipes, thresholds, weight bits).
        settings: For each evaluation, `timesteps`, `schedule`, `stagger`, `input_encoding` and `seed` that
            replace those of the network; `{}` keeps them.
        x, y, address, cpus, batch_size, any_range, insist, engine, early_exit, cnn, predictions,
            progress: As in
            `evaluate`, for all evaluations.

    Returns:
        For each network in turn, one evaluation per entry of `settings`. The seconds of each
        count from the completion of the one before.

    Raises:
        As `evaluate`; no batch is run unless all evaluations are valid.
    """
    networks = [snns] if isinstance(snns, keras.Model) else list(snns)
    if not networks or not settings:
        raise OptionError("sweep: received no networks or no settings; give at least one of each")
    if cpus is not None and (int(cpus) != cpus or cpus < 1):
        raise OptionError(f"cpus={cpus!r}; allowed: whole numbers from 1")
    options = {
        "batch_size": batch_size,
        "any_range": any_range,
        "engine": engine,
        "early_exit": early_exit,
        "cnn": cnn,
        "predictions": predictions,
    }
    runs = [(snn, own) for snn in networks for own in settings]
    source = open_data(
        Layout.of(loop_of(networks[0]).graph, labels=True, frames=True), x, y, part="test"
    )
    source = source if len(runs) == 1 else source.again()
    cases = [_Case(snn=snn, own=own, x=source, options=options) for snn, own in runs]
    if not insist:
        for case in cases:
            case.check_labels()
    with connected(address) as ray:
        return _evaluations(cases, Workers(ray, cpus), progress or quiet)


class _Case:
    """One evaluation of a sweep, with checked arguments."""

    def __init__(
        self,
        snn: keras.Model,
        own: Mapping[str, Any],
        x: Source,
        options: Mapping[str, Any],
    ) -> None:
        self.snn, self.loop, self.own = snn, loop_of(snn), dict(own)
        with configured(self.loop, self.own):
            self.plan = EvaluationPlan(snn.name, self.loop, x, **options)
            settings = tuple((name, getattr(self.loop, name)) for name in NAMES)
        # The name of a closed form is internal: "auto" finds it again from the schedule.
        self.engine = self.plan.engine if self.plan.engine in ENGINES else "auto"
        self.settings = settings

    def check_labels(self) -> None:
        """Refuse labels that the CNN predicts no more often than chance."""
        with configured(self.loop, self.own):
            self.plan.check_labels(Simulator(self.loop, "dense"))


def _evaluations(cases: Sequence[_Case], workers: Workers, progress: Progress) -> list[Evaluation]:
    work, before = sum(case.plan.work for case in cases), 0
    parts = workers.run(_tasks(cases, workers))
    results, start = [], time.perf_counter()
    for case in cases:
        plan, done = case.plan, before

        def advance(share: int, of: int, done: int = done) -> None:
            progress(done + share, work)

        total = plan.added(_of_plan(plan, parts), advance)
        seconds, start = time.perf_counter() - start, time.perf_counter()
        with configured(case.loop, case.own):
            results.append(plan.result(case.loop, total, seconds))
        before += plan.work
    return results


def _of_plan(plan: EvaluationPlan, parts: Iterator[Part]) -> Iterator[Part]:
    """Yield the parts of one evaluation; the number is known once its last batch is sent."""
    for number, part in enumerate(parts, 1):
        yield part
        if number == plan.batches:
            return


def _tasks(cases: Sequence[_Case], workers: Workers) -> Iterator[Task]:
    """Yield the batches of all evaluations, in order; each network is sent once."""
    sent: dict[int, tuple[Any, str]] = {}
    for case in cases:
        if id(case.snn) not in sent:
            content = _file(case.snn)
            sent[id(case.snn)] = workers.put(content), hashlib.sha256(content).hexdigest()
        model, sha256 = sent[id(case.snn)]
        configuration = Configuration(sha256, case.settings, case.engine, versions())
        for shard in case.plan.shards():
            yield model, configuration, shard


def _file(snn: keras.Model) -> bytes:
    """Return the network as the content of a .keras file."""
    with tempfile.TemporaryDirectory(prefix="spkeras") as folder:
        path = Path(folder, "network.keras")
        snn.save(path)
        return path.read_bytes()
