"""Simulation of a batch of samples with a program, a block of steps at a time."""

import importlib
import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from spkeras.events.program import EventProgram, aligned
from spkeras.ops.arrays import Float32Array, Int64Array
from spkeras.ops.progress import announce

if TYPE_CHECKING:
    from spkeras.events.kernels import Graded
    from spkeras.events.receiving import Buffers

# Maximum number of output values of a block, over all steps and samples (64 MB).
_BLOCK = 1 << 24


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
        analysed: Indices of the samples whose graded spikes are analysed.

    Attributes:
        counted: Spikes of each neuron so far, over all samples.
    """

    def __init__(
        self,
        program: EventProgram,
        own: np.ndarray,
        threads: int | None = None,
        analysed: ArrayLike = (),
    ) -> None:
        self.program = program
        self.own = np.ascontiguousarray(own, np.float32)
        samples = len(own)
        self.analysed = np.isin(np.arange(samples), analysed)
        self.threads = max(1, min(threads or available(), samples))
        # States of all samples, where they are needed after a block; else each thread has one.
        self._held: Float32Array | None = None
        self._scratch = [_scratch(program) for _ in range(self.threads)]
        self._states = [aligned(program.state.shape, np.float32) for _ in range(self.threads)]
        self._counted = [np.zeros(program.neuron_count, np.int32) for _ in range(self.threads)]
        self._graded = [_analysis(program, any(program.levels)) for _ in range(self.threads)]
        self._none = _analysis(program, False)

    @property
    def counted(self) -> dict[str, Int64Array]:
        """Spikes of each neuron so far, over all samples, by layer."""
        return self._by_layer(np.sum(self._counted, axis=0, dtype=np.int64))

    @property
    def graded(self) -> tuple[dict[str, Int64Array], dict[str, Int64Array], dict[str, Int64Array]]:
        """Of the samples analysed: spikes of each exponent, spikes of size 1, and bits, by layer."""
        exponents, units, bits = (sum(parts) for parts in zip(*self._graded, strict=True))
        if not any(self.program.levels):
            return {}, {}, {}
        layers = zip(self.program.neurons, self.program.levels, exponents, strict=True)
        by_exponent = {name: found[:levels] for (name, _), levels, found in layers if levels}
        return by_exponent, self._by_layer(units), self._by_layer(bits)

    def _by_layer(self, values: Int64Array) -> dict[str, Int64Array]:
        sizes = [math.prod(shape) for _, shape in self.program.neurons]
        parts = np.split(values, np.cumsum(sizes)[:-1])
        named = zip(self.program.neurons, parts, strict=True)
        return {name: part.reshape(shape) for (name, shape), part in named}

    def blocks(self, steps: int, ends: bool = True) -> Iterator[EventBlock]:
        """Run the first `steps` steps, and yield the results of each block.

        Args:
            steps: Number of steps.
            ends: Whether no step follows them.
        """
        size = max(1, self.program.output_size * len(self.own))
        length = max(1, min(steps, _BLOCK // size))
        if length < steps or not ends:
            self._held = aligned((len(self.own), self.program.state.size), np.float32)
            self._held[:] = self.program.state
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
        constants = (program.tables, program.weights, program.regions)
        buffers, received = self._scratch[thread]
        if self._held is None:
            state = self._states[thread]
            state[:] = program.state
        else:
            state = self._held[sample]
        graded = self._graded[thread] if self.analysed[sample] else self._none
        for begin in range(first, last, program.block):
            end = min(last, begin + program.block)
            part = slice(begin - first, end - first)
            run(
                program.operations,
                constants,
                self.own[sample],
                state,
                (begin, end),
                buffers,
                received,
                (outputs[part], self._counted[thread], sums[part], graded),
            )


def prepare() -> None:
    """Load the compiled kernels, or compile them, before a run that needs them.

    They are compiled once per installation, for all networks; numba keeps them on disk.
    """
    from spkeras.events import kernels

    if kernels.run.signatures:
        return
    source, folder = Path(kernels.__file__), Path(kernels.run.stats.cache_path or "")
    made = [path.stat().st_mtime for path in folder.glob("kernels.run-*.nbi")]
    if max(made, default=0.0) < source.stat().st_mtime:
        announce("Compiling the events engine, once per installation (10 to 20 s) ...")
    kernels.run.compile(kernels.SIGNATURE)


def _analysis(program: EventProgram, wanted: bool) -> "Graded":
    """Return zeros for the analysis of graded spikes, or empty arrays."""
    neurons = program.neuron_count * wanted
    exponents = np.zeros((len(program.neurons) * wanted, max(program.levels)), np.int64)
    return exponents, np.zeros(neurons, np.int32), np.zeros(neurons, np.int32)


def _scratch(program: EventProgram) -> "tuple[Buffers, Float32Array]":
    """Return the buffers of a thread; see `spkeras.events.kernels.run`."""
    room = program.room
    integers, numbers = np.int32, np.float32
    return (
        np.zeros(room.events, integers),
        np.zeros(room.sizes, numbers),
        np.zeros(room.pointers, integers),
        np.zeros(room.listed, integers),
        np.zeros(room.listed, numbers),
        np.zeros(room.ends, integers),
        aligned((room.rows,), numbers),
    ), aligned((room.sums,), numbers)


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
