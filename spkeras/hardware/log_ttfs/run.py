"""Run of a program over a data set: accuracy, operations, timing and energy."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from spkeras.errors import DataError
from spkeras.hardware.log_ttfs.datapath import run_batch, whole_inputs
from spkeras.hardware.log_ttfs.energy import Energy, energy
from spkeras.hardware.log_ttfs.engine import Engine
from spkeras.hardware.log_ttfs.labels import check_labels
from spkeras.hardware.log_ttfs.memories import placements
from spkeras.hardware.log_ttfs.operations import Histogram, Operations, count_operations
from spkeras.hardware.log_ttfs.program import Program, bits_for
from spkeras.metrics.costs import CostTable, cost_table
from spkeras.ops.arrays import Int64Array, Samples
from spkeras.ops.progress import Progress, quiet
from spkeras.ttfs.timing import Timing


@dataclass(frozen=True)
class LayerRun:
    """One layer over a run.

    Attributes:
        name: The layer's name.
        neurons: Number of neurons.
        operations: Operations for one sample.
        needed_bits: Smallest accumulator that no input can overflow (range analysis).
        met_bits: Smallest accumulator that holds every final sum of this run.
        mean_time: Mean first-spike time of the neurons that fired, in steps of the window.
        passes: Number of passes over the layer's input spikes, due to the accumulator memory.
    """

    name: str
    neurons: int
    operations: Operations
    needed_bits: int
    met_bits: int
    mean_time: float
    passes: int


@dataclass(frozen=True, eq=False)
class Course:
    """Result of the data path, before costs are applied.

    Attributes:
        histogram: Spikes of each neuron at each step.
        outputs: Potentials of each read-out, int64 (samples, *output).
        extremes: Least and largest final sum, by layer.
        clipped: Clipped additions, by layer.
    """

    histogram: Histogram
    outputs: Mapping[str, Int64Array]
    extremes: Mapping[str, tuple[int, int]]
    clipped: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Answer:
    """One output over a run.

    Attributes:
        name: Name of its read-out.
        potentials: int64 (samples, *output), in units of the last bit.
        unit: Value of the last bit.
        decisions: Class of each sample, int64.
        accuracy: Share of correct decisions; None without labels.
    """

    name: str
    potentials: Int64Array
    unit: float
    decisions: Int64Array
    accuracy: float | None


@dataclass(frozen=True, eq=False)
class RunResult:
    """Result of a program on a data set.

    Attributes:
        name: Name of the model.
        samples: Number of samples.
        answers: One per output, in the model's order.
        layers: One record per layer.
        total: Operations of all layers for one sample.
        energy: Energy in uJ for one sample.
        timing: Steps until the answer, and between two samples.
        seconds: Cycles over clock frequency, for one sample.
    """

    name: str
    samples: int
    answers: tuple[Answer, ...]
    layers: tuple[LayerRun, ...]
    total: Operations
    energy: Energy
    timing: Timing
    seconds: float

    @property
    def accuracy(self) -> float | None:
        """Share of correct decisions of the first output."""
        return self.answers[0].accuracy

    @property
    def decisions(self) -> Int64Array:
        """Decisions of the first output."""
        return self.answers[0].decisions

    @property
    def outputs(self) -> Int64Array:
        """Potentials of the first output."""
        return self.answers[0].potentials

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, without the outputs."""
        return {
            "name": self.name,
            "samples": self.samples,
            "accuracy": self.accuracy,
            "outputs": {answer.name: answer.accuracy for answer in self.answers},
            "operations": asdict(self.total),
            "energy_uj": {**asdict(self.energy), "total": self.energy.total},
            "timing": {**asdict(self.timing), "latency": self.timing.latency},
            "seconds": self.seconds,
            "layers": [asdict(layer) for layer in self.layers],
        }


@dataclass(frozen=True)
class Compared:
    """Another network on the samples of a run.

    Attributes:
        accuracy: Share of correct decisions; None without labels.
        agreement: Share of samples on which the program decides alike.
    """

    accuracy: float | None
    agreement: float


def compare(result: RunResult, outputs: np.ndarray, labels: Samples | None) -> Compared:
    """Return how a network that gave `outputs` compares with the first output of a program.

    Args:
        result: Of the program.
        outputs: Of the network, (samples, *output), on the same samples.
        labels: Whole-number classes, of several outputs a list; None without labels.
    """
    decisions = outputs.reshape(len(outputs), -1).argmax(1)
    first = labels[0] if isinstance(labels, list | tuple) else labels
    accuracy = None if first is None else float((decisions == np.ravel(first)).mean())
    return Compared(accuracy, float((decisions == result.decisions).mean()))


def run_program(
    program: Program,
    inputs: Samples,
    labels: Samples | None,
    *,
    batch_size: int,
    costs: str | CostTable,
    reference: bool,
    progress: Progress,
) -> RunResult:
    """Run a program bit for bit over samples.

    Args:
        program: The program.
        inputs: (samples, ...) floats from 0 to 1, or whole numbers as the input port takes them;
            a list of them for several inputs.
        labels: Whole-number classes (samples,), for the accuracy; a list of them for several
            outputs; None without labels.
        batch_size: Number of samples per batch.
        costs: Cost table: its name, a .json file, or the table itself.
        reference: Whether to use the integer-only reference instead of the engine.
        progress: Callback that receives (samples done, samples).

    Raises:
        DataError: inputs or labels do not fit.
        OptionError: the cost table is unknown.
    """
    table = cost_table(costs)
    whole = whole_inputs(program, inputs)
    truth = check_labels(program, labels, len(whole[0]))
    course = execute(program, whole, batch_size, reference=reference, progress=progress)
    return account(program, course, truth, table)


def execute(
    program: Program,
    whole: Sequence[Int64Array],
    batch_size: int = 50,
    reference: bool = False,
    progress: Progress = quiet,
) -> Course:
    """Run only the data path.

    Args:
        program: The program.
        whole: Inputs from `datapath.whole_inputs`.
        batch_size, reference, progress: As in `run_program`.

    Raises:
        DataError: there is no sample.
    """
    samples = len(whole[0])
    if not samples:
        raise DataError("inputs: no sample; give at least one")
    engine = None if reference else Engine(program)
    histogram = Histogram(program)
    outputs: dict[str, list[Int64Array]] = {name: [] for name in program.outputs}
    extremes, clipped = dict[str, tuple[int, int]](), dict[str, int]()
    for start in range(0, samples, batch_size):
        done = run_batch(program, [port[start : start + batch_size] for port in whole], engine)
        histogram.add(done.times)
        for name, sums in done.outputs.items():
            outputs[name].append(sums)
        for name, (low, high) in done.extremes.items():
            known = extremes.get(name, (0, 0))
            extremes[name] = min(known[0], low), max(known[1], high)
            clipped[name] = clipped.get(name, 0) + done.clipped[name]
        progress(min(start + batch_size, samples), samples)
    joined = {name: np.concatenate(parts) for name, parts in outputs.items()}
    return Course(histogram, joined, extremes, clipped)


def account(
    program: Program, course: Course, labels: Sequence[np.ndarray | None], table: CostTable
) -> RunResult:
    """Return the operations, cycles and energy of a course.

    Args:
        program: The program that ran, or the same one with another clock, other processing
            elements or memories: none of these changes its results.
        course: Course from `execute`.
        labels: Classes for each output, None without labels.
        table: Cost table.
    """
    answers = tuple(
        _answer(program, name, course.outputs[name], truth)
        for name, truth in zip(program.outputs, labels, strict=True)
    )
    operations = count_operations(program, course.histogram, course.clipped)
    total = sum(operations.values(), Operations())
    passes = {name: place.passes for name, place in placements(program).items()}
    return RunResult(
        name=program.name,
        samples=course.histogram.samples,
        answers=answers,
        layers=tuple(
            _layer_run(program, course, name, operations=operations[name], passes=passes[name])
            for name in program.by_name
        ),
        total=total,
        energy=energy(total, program.config, table),
        timing=Timing(program.windows, program.timesteps, program.timesteps),
        seconds=total.cycles / program.config.clock_hz,
    )


def _answer(program: Program, name: str, sums: Int64Array, truth: np.ndarray | None) -> Answer:
    decisions = sums.reshape(len(sums), -1).argmax(1)
    accuracy = None if truth is None else float((decisions == truth).mean())
    return Answer(
        name=name,
        potentials=sums,
        unit=program.by_name[name].unit,
        decisions=decisions,
        accuracy=accuracy,
    )


def _layer_run(
    program: Program, course: Course, name: str, operations: Operations, passes: int
) -> LayerRun:
    layer, sums = program.by_name[name], course.extremes.get(name)
    fired = course.histogram.fired.get(name)
    mean = 0.0 if fired is None else _mean_time(fired)
    return LayerRun(
        name=name,
        neurons=layer.positions * layer.channels,
        operations=operations,
        needed_bits=0 if sums is None else layer.needed_bits,
        met_bits=0 if sums is None else bits_for(*sums),
        mean_time=mean,
        passes=0 if sums is None else passes,
    )


def _mean_time(fired: Int64Array) -> float:
    """Return the mean step of all spikes, 0 without any; fired (T + 1, positions, channels)."""
    spikes = fired[:-1].sum((1, 2))
    steps = np.arange(len(spikes))
    return float(np.average(steps, weights=spikes)) if spikes.any() else 0.0
