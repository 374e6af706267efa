"""The result of an evaluation: plain numbers, ready for a table, a plot or JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from spkeras.errors import OptionError
from spkeras.metrics import answers as answered
from spkeras.metrics.activity import Activity
from spkeras.metrics.answers import Answers, Changed
from spkeras.metrics.convergence import Convergence
from spkeras.metrics.costs import CostTable
from spkeras.metrics.early_exit import ExitCourse
from spkeras.metrics.energy import Energy, energy
from spkeras.metrics.interval import interval_of
from spkeras.metrics.score import OutputScore
from spkeras.metrics.tasks import SEVERAL
from spkeras.ops.arrays import Float64Array, Int64Array
from spkeras.ops.types import Json


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One run to T over a data set.

    Attributes:
        model: Name of the converted model.
        schedule: "clock_driven" or "layer_synchronous"; the schedule of every figure here.
        timesteps: T, counted from the first input; of each window where layers fire in windows,
            None in continuous time.
        latency: Steps until the output is final, if a spike passes all layers within its step:
            T when clock-driven; T times the number of layers of neurons in a row (plus one)
            when layer-synchronous. In continuous time the unit is the window of the input, in
            which a value x fires at 1 - x.
        settings: Neuron, input encoding, stagger and so on.
        samples: Number of samples.
        steps: Numbers of steps of the scores. Before `first_step` the read-out has received
            nothing: scores are NaN there (in JSON null).
        scores: One score per output.
        activity: Spikes and operations of the whole run.
        layer_spikes: Mean spikes per sample of each layer up to each of `steps`.
        warnings: Warnings, one sentence each.
        seconds: Wall-clock time of the run.
        depth: Layers of neurons in a row, on the longest path from input to output.
        convergence: Convergence of the samples; None where the code never settles.
        engine: Engine: "dense" (a Keras pass per step), "events" (spike by spike) or "closed
            form".
        engine_reason: Why it was chosen, as a phrase.
        early_exit: Savings and costs of early exit; None where it was not requested.
        reference: The network that decisions and outputs are compared with, on real values.
            "CNN": the converted CNN, with its weights. "twin": the same where it was trained for
            spikes. "own weights": the network itself, where it was changed after the conversion
            and neither its file nor the caller has the weights from before.
        windows: Number of windows of a network whose layers fire one after the other, scored
            once; 0 for a spike loop. What has no meaning for windows is absent from `to_dict`.
        answers: What each output answered to each sample; empty unless `evaluate` was asked to
            keep it. It is absent from `to_dict`.
        measures: Further measures by name, of the network ("snn") and the CNN ("cnn").
    """

    model: str
    schedule: str
    timesteps: int | None
    latency: float
    settings: Mapping[str, Any]
    samples: int
    steps: Int64Array
    scores: tuple[OutputScore, ...]
    activity: Activity
    layer_spikes: Mapping[str, Float64Array]
    warnings: tuple[str, ...]
    seconds: float
    depth: int = 0
    convergence: Convergence | None = None
    engine: str = "dense"
    engine_reason: str = ""
    early_exit: ExitCourse | None = None
    reference: str = "CNN"
    windows: int = 0
    answers: tuple[Answers, ...] = ()
    measures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def pipelined_latency(self) -> float | None:
        """Steps until the output is final, if a spike takes one step to each next layer.

        Shortcuts are delayed as much as the path beside them, so that all spikes are the same.
        The hardware takes one sample every T steps. None where layers fire in windows.
        """
        return None if self.windows else self.latency + self.depth

    @property
    def first_step(self) -> int:
        """First step at which the first output's read-out has received an input."""
        return self.scores[0].first

    @property
    def built_for(self) -> int | None:
        """T that thresholds and scales were chosen for; None where the file does not have it."""
        return self.settings.get("built_for")

    @property
    def accuracy(self) -> Float64Array | None:
        """Accuracy of the first output at each of `steps`."""
        return self.scores[0].accuracy

    @property
    def cnn_accuracy(self) -> float | None:
        """Accuracy of the `reference` on the first output, on the same samples."""
        return self.scores[0].cnn_accuracy

    @property
    def agreement(self) -> Float64Array | None:
        """Share of the first output's decisions that equal the `reference`'s, at each of `steps`."""
        return self.scores[0].agreement

    def interval(self) -> tuple[float, float] | tuple[None, None]:
        """Return the exact 95 % confidence interval of the accuracy after T steps, or None twice."""
        # Several decisions on one sample are not independent; weighted ones are not binomial.
        score = self.scores[0]
        single = self.accuracy is not None and score.task not in SEVERAL and not score.weighted
        accuracy = float(self.accuracy[-1]) if single and self.accuracy is not None else None
        return interval_of(accuracy, self.samples)

    @property
    def predictions(self) -> np.ndarray:
        """Classes of the first output, (samples,), after T steps; its values for regression.

        Raises:
            OptionError: they were not kept.
        """
        kept = self._answers()
        return kept.outputs if kept.decisions is None else kept.decisions

    def confusion(self, of_cnn: bool = False) -> Int64Array:
        """Return how often each label (row) is decided as each class (column).

        Args:
            of_cnn: Of the CNN instead of the spiking network.

        Raises:
            OptionError: answers were not kept, there are no labels, or the output is of a
                regression.
        """
        return answered.confusion(self._answers(), of_cnn)

    def changed(self) -> tuple[Changed, ...]:
        """Return the samples that the network and the CNN decide differently, with margins.

        Raises:
            OptionError: answers were not kept, or the output is of a regression.
        """
        return answered.changed(self._answers())

    def top(self, count: int = 5, of_cnn: bool = False) -> float:
        """Return the share of samples whose label is among the `count` largest outputs.

        Raises:
            OptionError: answers were not kept, or no labels, or not more classes than `count`.
        """
        return answered.top(self._answers(), count, of_cnn)

    def _answers(self) -> Answers:
        if not self.answers:
            raise OptionError(
                "predictions: were not kept; give predictions=True to spkeras.evaluate"
            )
        return self.answers[0]

    def energy(self, costs: str | CostTable = "horowitz-45nm", numbers: str = "float32") -> Energy:
        """Return the energy per sample of the whole run beside the CNN's, an estimate.

        Args:
            costs: Cost table: its name, a .toml or .json file, or the table itself.
            numbers: "float32", or "int8" for 8-bit weights and values with 32-bit sums.

        Raises:
            OptionError: an unknown table or format, or a table without the cost of an operation.
        """
        return energy(self.activity, costs, numbers, weighted_spikes=bool(self.windows))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        own = ("pipelined_latency", "first_step", "built_for")
        record = {
            **asdict(replace(self, answers=())),
            **{name: getattr(self, name) for name in own},
        }
        del record["answers"]
        record["activity"]["per_cnn_mac"] = self.activity.per_cnn_mac
        record = _of_windows(record) if self.windows else record
        return {name: plain(value) for name, value in record.items()}


# Figures that have a meaning only where a network runs step by step.
_STEPWISE = (
    "first_step depth steps firing_rate shift_adds exponents payload_bits function_evaluations "
    "synapses macs input_macs function_macs loop_macs membrane_updates comparisons courses".split()
)


def _of_windows(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record without the figures that have no meaning where layers fire in windows."""
    kept = ((n, _part_of_windows(v)) for n, v in record.items() if n not in _STEPWISE)
    return {name: value for name, value in kept if value is not None}


def _part_of_windows(value: object) -> object:
    if isinstance(value, Mapping):
        return _of_windows(value)
    return [_part_of_windows(v) for v in value] if isinstance(value, (list, tuple)) else value


def depends_on_timesteps(settings: Mapping[str, Any]) -> bool:
    """Return whether the conversion depends on T, so that another T needs another conversion.

    Args:
        settings: Settings of an evaluation or a graph.
    """
    return (
        settings.get("spike_code", "rate") == "rate" or settings.get("thresholds") != "percentile"
    )


def plain(value: Any) -> Json:
    """Return NumPy arrays and numbers, tuples and mappings as JSON types; NaN as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    kept: Json = value
    return kept
