"""Ray tasks in order: so many at once, taken up again where a worker dies."""

import os
from collections import deque
from collections.abc import Iterator
from typing import Any

import keras

from spkeras.cluster.session import smallest_node
from spkeras.cluster.worker import Configuration, run_batch
from spkeras.errors import ClusterError, OptionError, SpkerasError
from spkeras.events.engine import available
from spkeras.facade.shards import Part, Shard

# How often a batch is given to another worker before it is given up.
RETRIES = 5
# Batches on their way for each that runs: so many wait in memory, not all.
_AHEAD = 2
# What tells the backends and their libraries how many threads to start.
_THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "NPROC")

# (the network's file as a Ray object, which network it is and how it runs, one batch)
Task = tuple[Any, Configuration, Shard]


class Workers:
    """The workers of a cluster, for one evaluation or sweep.

    Args:
        ray: Ray, connected.
        cpus: Processors and threads of each; None for as many as this process may use, or the
            smallest machine has.

    Raises:
        OptionError: no machine of the cluster has so many processors.
    """

    def __init__(self, ray: Any, cpus: int | None) -> None:
        most = max((node["Resources"].get("CPU", 0) for node in ray.nodes()), default=0)
        self.ray, self.cpus = ray, cpus or min(available(), smallest_node(ray))
        if self.cpus > most:
            raise OptionError(
                f"cpus={self.cpus}; allowed: up to {most:g}, the processors of the cluster's "
                "largest machine"
            )
        self.slots = max(1, int(ray.cluster_resources().get("CPU", 1)) // self.cpus)
        variables = {name: str(self.cpus) for name in _THREADS}
        variables["KERAS_BACKEND"] = keras.backend.backend()
        variables["TF_CPP_MIN_LOG_LEVEL"] = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3")
        self._run = ray.remote(run_batch).options(
            num_cpus=self.cpus, max_retries=RETRIES, runtime_env={"env_vars": variables}
        )

    def put(self, content: bytes) -> Any:
        """Content that many tasks need, sent to each machine once."""
        return self.ray.put(content)

    def run(self, tasks: Iterator[Task]) -> Iterator[Part]:
        """The parts of the tasks, in their order, a limited number of them at once.

        Raises:
            ClusterError: a task failed, or killed one worker more often than it was repeated.
        """
        flying: deque[Any] = deque()
        try:
            for task in tasks:
                if len(flying) == _AHEAD * self.slots:
                    yield self._part(flying.popleft())
                flying.append(self._run.remote(*task))
            while flying:
                yield self._part(flying.popleft())
        finally:
            for task in flying:
                self.ray.cancel(task, force=True)

    def _part(self, task: Any) -> Part:
        errors = self.ray.exceptions
        try:
            part: Part = self.ray.get(task)
        except errors.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, SpkerasError):
                raise cause from error
            raise ClusterError(f"a worker failed: {type(cause).__name__}: {cause}") from error
        except errors.RayError as error:
            raise ClusterError(
                f"a batch was lost, {RETRIES} repetitions included ({type(error).__name__}); "
                "workers that run out of memory need a smaller batch_size, or more cpus each so "
                "that fewer run at once"
            ) from error
        return part
