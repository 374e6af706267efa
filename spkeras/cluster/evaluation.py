"""Evaluations whose batches are Ray tasks; the result equals that of one process.

A batch's part consists of counts and of sums over the batch. Parts are added in the order of
the batches, here as in `spkeras.evaluate`, so that no sum depends on who was faster. A worker
that dies takes its batch with it, and Ray gives the batch to another one.
"""

import hashlib
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from spkeras.cluster.session import LOCAL, connected
from spkeras.cluster.worker import Configuration, versions
from spkeras.cluster.workers import Task, Workers
from spkeras.errors import OptionError
from spkeras.facade.shards import Plan
from spkeras.metrics import EarlyExit, Evaluation
from spkeras.ops.names import ENGINES
from spkeras.simulate import Simulation
from spkeras.snn.settings import NAMES, configured
from spkeras.snn.spike_loop import loop_of

Progress = Callable[[int, int], None]


def evaluate(
    snn: keras.Model,
    x: Any,
    y: Any = None,
    *,
    address: str = LOCAL,
    cpus: int | None = None,
    batch_size: int = 100,
    any_range: bool = False,
    insist: bool = False,
    engine: str = "auto",
    early_exit: EarlyExit | float | None = None,
    cnn: keras.Model | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Evaluation:
    """`spkeras.evaluate` with its batches run by a Ray cluster.

    Args:
        snn, x, y, batch_size, any_range, insist, engine, early_exit, cnn, progress, settings: As of
            `spkeras.evaluate`; progress is told after each batch.
        address: "local" for a cluster of this machine that ends with the call; host:port,
            ray://host:port or "auto" for one that runs.
        cpus: Processors, and threads, of a worker. Default: as many as this process may use, so
            that a sum is cut as here; with fewer, more batches run at once.

    Returns:
        As of `spkeras.evaluate`, and equal to it bit for bit where the kernels of the backend
        do not depend on the number of threads, or `cpus` is left alone; `seconds` apart.

    Raises:
        DataError, OptionError: as of `spkeras.evaluate`, before any work is sent.
        ClusterError: nobody answers at the address, workers have other versions, or one batch
            killed six workers.
    """
    (result,) = sweep(
        snn, x, y, [settings], address=address, cpus=cpus, batch_size=batch_size,
        any_range=any_range, insist=insist, engine=engine, early_exit=early_exit,
        cnn=cnn, progress=progress,
    )  # fmt: skip
    return result


def sweep(
    snns: keras.Model | Sequence[keras.Model],
    x: Any,
    y: Any = None,
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
    progress: Progress | None = None,
) -> list[Evaluation]:
    """Evaluate networks under several settings, all batches of all of them side by side.

    Args:
        snns: A converted network, or several: of other recipes, thresholds, weight bits.
        settings: For each evaluation `timesteps`, `schedule`, `stagger`, `coding`, `seed` instead
            of the network's own; `{}` for these.
        x, y, address, cpus, batch_size, any_range, insist, engine, early_exit, cnn, progress: As of
            `evaluate`, for all.

    Returns:
        For each network in turn one evaluation for each of the settings. The seconds of each
        count from when the one before it was complete.

    Raises:
        As of `evaluate`; nothing is run unless all can be.
    """
    networks = [snns] if isinstance(snns, keras.Model) else list(snns)
    if not networks or not settings:
        raise OptionError("sweep: received no networks or no settings; give at least one of each")
    if cpus is not None and (int(cpus) != cpus or cpus < 1):
        raise OptionError(f"cpus={cpus!r}; allowed: whole numbers from 1")
    options = {"batch_size": batch_size, "any_range": any_range, "engine": engine,
               "early_exit": early_exit, "cnn": cnn}  # fmt: skip
    cases = [_Case(snn, own, x, y, options) for snn in networks for own in settings]
    if not insist:
        for case in cases:
            case.check_labels()
    with connected(address) as ray:
        return _evaluations(cases, Workers(ray, cpus), progress or _quiet)


def _quiet(done: int, total: int) -> None:
    """No progress shown."""


class _Case:
    """One evaluation of a sweep, checked."""

    def __init__(
        self, snn: keras.Model, own: Mapping[str, Any], x: Any, y: Any, options: Mapping[str, Any]
    ) -> None:
        self.snn, self.loop, self.own = snn, loop_of(snn), dict(own)
        with configured(self.loop, self.own):
            self.plan = Plan(snn.name, self.loop, x, y, **options)
            settings = tuple((name, getattr(self.loop, name)) for name in NAMES)
        # A closed form is what "auto" finds for its schedule, and has no name for users.
        self.engine = self.plan.engine if self.plan.engine in ENGINES else "auto"
        self.settings = settings

    def check_labels(self) -> None:
        """Refuse labels that the CNN meets no more often than chance."""
        with configured(self.loop, self.own):
            self.plan.check_labels(Simulation(self.loop, "dense"))


def _evaluations(cases: Sequence[_Case], workers: Workers, progress: Progress) -> list[Evaluation]:
    work, before = sum(case.plan.work for case in cases), 0
    parts = workers.run(_tasks(cases, workers))
    results, start = [], time.perf_counter()
    for case in cases:
        plan, done = case.plan, before

        def told(share: int, of: int, done: int = done) -> None:
            progress(done + share, work)

        total = plan.added(itertools.islice(parts, len(plan.rows)), told)
        seconds, start = time.perf_counter() - start, time.perf_counter()
        with configured(case.loop, case.own):
            results.append(plan.result(case.loop, total, seconds))
        before += plan.work
    return results


def _tasks(cases: Sequence[_Case], workers: Workers) -> Iterator[Task]:
    """The batches of all evaluations, in order; each network travels once."""
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
    """The network as the content of a .keras file."""
    with tempfile.TemporaryDirectory(prefix="spkeras") as folder:
        path = Path(folder, "network.keras")
        snn.save(path)
        return path.read_bytes()
