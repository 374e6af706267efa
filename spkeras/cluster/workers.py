"""Ray tasks in order: a limited number at once, retried when a worker dies."""

import os
from collections import deque
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import keras

from spkeras.cluster.session import smallest_node
from spkeras.cluster.worker import Configuration, run_batch
from spkeras.errors import ClusterError, OptionError, SpkerasError
from spkeras.events.engine import available
from spkeras.facade.parts import Part, Shard

# Number of times a batch is retried on another worker before the run fails.
RETRIES = 5
# Submitted batches per running one; the others wait outside Ray's memory.
_AHEAD = 2
# Environment variables that set the number of threads of the backends and their libraries.
_THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "NPROC")

# (the network's file as a Ray object, its configuration, one batch)
Task = tuple[Any, Configuration, Shard]


class Workers:
    """The workers of a cluster, for one evaluation or sweep.

    Args:
        ray: The connected `ray` module.
        cpus: Processors and threads per worker. None: the number that this process may use, or
            that of the smallest machine if it has fewer.

    Raises:
        OptionError: no machine of the cluster has that many processors.
    """

    def __init__(self, ray: ModuleType, cpus: int | None) -> None:
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
        """Store content that many tasks need; it is sent to each machine once."""
        return self.ray.put(content)

    def run(self, tasks: Iterator[Task]) -> Iterator[Part]:
        """Yield the parts of the tasks, in their order, with a limited number running at once.

        Raises:
            ClusterError: a task failed, or its workers died more often than `RETRIES`.
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
