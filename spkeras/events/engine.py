"""Simulation of a batch of samples with a program, a block of steps at a time."""

import importlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from spkeras.events.program import EventProgram, aligned
from spkeras.ops.arrays import Float32Array, Int32Array, Int64Array

# Maximum number of output values of a block, over all steps and samples (64 MB).
_BLOCK = 1 << 24
MOST_STEPS = 64


@dataclass(frozen=True, eq=False)
class EventBlock:
    """The results of a block of steps.

    Attributes:
        first: Index of its first step.
        outputs: The read-outs' means after each step, (samples, steps, values of all read-outs).
        layer_spikes: Spikes of each layer in each step over all samples, (steps, layers).
    """

    first: int
    outputs: Float32Array
    layer_spikes: Int64Array


class Batch:
    """The state of a batch of samples during a simulation.

    Args:
        program: The network.
        own: Constant currents of each sample, (samples, numbers of `program.own`).
        threads: Maximum number of threads; default the processors available to this process.

    Attributes:
        counted: Spikes of each neuron so far, over all samples.
    """

    def __init__(self, program: EventProgram, own: np.ndarray, threads: int | None = None) -> None:
        self.program = program
        self.own = np.ascontiguousarray(own, np.float32)
        samples = len(own)
        self.state = aligned((samples, program.state.size), np.float32)
        self.state[:] = program.state
        self.threads = max(1, min(threads or available(), samples))
        self._scratch = [_scratch(program) for _ in range(self.threads)]
        self._counted = [np.zeros(program.neuron_count, np.int64) for _ in range(self.threads)]

    @property
    def counted(self) -> dict[str, Int64Array]:
        """Spikes of each neuron so far, over all samples, by layer."""
        sizes = [int(np.prod(shape)) for _, shape in self.program.neurons]
        parts = np.split(np.sum(self._counted, axis=0), np.cumsum(sizes)[:-1])
        named = zip(self.program.neurons, parts, strict=True)
        return {name: part.reshape(shape) for (name, shape), part in named}

    def blocks(self, steps: int) -> Iterator[EventBlock]:
        """Run the first `steps` steps, and yield the results of each block."""
        size = max(1, self.program.output_size * len(self.own))
        length = max(1, min(MOST_STEPS, _BLOCK // size))
        with ThreadPoolExecutor(self.threads) as pool:
            for first in range(0, steps, length):
                yield self._block(pool, first, min(first + length, steps))

    def _block(self, pool: ThreadPoolExecutor, first: int, last: int) -> EventBlock:
        outputs = np.zeros((len(self.own), last - first, self.program.output_size), np.float32)
        sums = np.zeros((self.threads, last - first, len(self.program.neurons)), np.int64)

        def work(thread: int) -> None:
            for sample in range(thread, len(self.own), self.threads):
                self._sample(
                    sample, thread, first, last=last, outputs=outputs[sample], sums=sums[thread]
                )

        list(pool.map(work, range(self.threads)))
        return EventBlock(first, outputs, sums.sum(axis=0))

    def _sample(
        self,
        sample: int,
        thread: int,
        first: int,
        last: int,
        outputs: Float32Array,
        sums: Int64Array,
    ) -> None:
        from spkeras.events.kernels import run

        program = self.program
        run(
            program.operations,
            program.tables,
            program.weights,
            program.regions,
            self.own[sample],
            self.state[sample],
            first,
            last,
            self._scratch[thread],
            outputs,
            self._counted[thread],
            sums,
        )


def _scratch(program: EventProgram) -> tuple[Int32Array, Float32Array, Int64Array]:
    """Return buffers for the events of one sample in one step; see `spkeras.events.kernels.run`.

    Sizes start as 1: neurons of one spike per step do not write them.
    """
    room = int(program.regions[-1]) + 8
    numbers = np.zeros(len(program.regions), np.int64)
    return np.zeros(room, np.int32), np.ones(room, np.float32), numbers


def available() -> int:
    """Return the number of processors available to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def missing() -> str | None:
    """Return why the compiled kernels cannot run on this machine; None if they can."""
    try:
        importlib.import_module("spkeras.events.kernels")
    except ImportError:
        return "numba is not installed (pip install spkeras[events])"
    except RuntimeError as error:  # numba finds no folder for its cache
        return f"numba cannot compile ({error}); set NUMBA_CACHE_DIR to a folder that is writable"
    return None
