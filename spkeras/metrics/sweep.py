"""Networks of one CNN beside each other: quality and cost of each, and which are dominated."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from spkeras.errors import OptionError
from spkeras.metrics.energy import Energy
from spkeras.metrics.evaluation import Evaluation, plain
from spkeras.metrics.interval import interval_of
from spkeras.metrics.score import OutputScore
from spkeras.metrics.tasks import SEVERAL

# Loss of accuracy, or of equal decisions, that a recommended network may have.
_DROP = 0.005
# Share above the least error within which networks count as equally good.
_ALIKE = 0.05
# What a network can cost: names of fields of `SweepPoint`.
COSTS = ("energy", "arithmetic", "operations", "spikes", "latency", "pipelined_latency")


@dataclass(frozen=True, kw_only=True)
class SweepPoint:
    """One network, converted for its own T and scored after T steps; figures are per sample.

    Attributes:
        network: The recipe and its options in words.
        recipe: Name and options of the recipe, without its defaults, as `convert` takes them.
        timesteps: T; None in continuous time.
        latency: Steps until the output is final, if a spike passes all layers within its step.
        pipelined_latency: The same if it takes one step to each next layer; None for windows.
        accuracy: Share of right decisions; None without labels or for regression.
        low: Lower end of its exact 95 % confidence interval.
        high: Upper end.
        agreement: Share of the CNN's decisions; None for regression.
        error: Root mean square difference to targets; None without them.
        deviation: Root mean square difference to the CNN's output.
        spikes: Number of spikes.
        spikes_per_neuron: Mean over all neurons.
        operations: Additions at synapses, multiply-accumulates, membrane updates and comparisons.
        additions: Additions at synapses.
        macs: Multiply-accumulates.
        membrane_updates: Updates of membrane potentials.
        energy: Energy in uJ.
        arithmetic: Its part for arithmetic; the rest is memory traffic.
        engine: Engine that ran.
        seconds: Wall-clock time of the run.
        stagger: Start delay in steps that was chosen for this network; None for that of the sweep.
    """

    network: str
    recipe: Mapping[str, Any]
    timesteps: int | None
    latency: float
    pipelined_latency: float | None
    accuracy: float | None
    low: float | None
    high: float | None
    agreement: float | None
    error: float | None
    deviation: float
    spikes: float
    spikes_per_neuron: float
    operations: float
    additions: float
    macs: float
    membrane_updates: float
    energy: float
    arithmetic: float
    engine: str
    seconds: float
    stagger: float | None = None

    @property
    def memory(self) -> float:
        """Energy of memory traffic in uJ."""
        return self.energy - self.arithmetic

    @classmethod
    def of(
        cls,
        network: str,
        recipe: Mapping[str, Any],
        result: Evaluation,
        energy: Energy,
        *,
        stagger: float | None = None,
    ) -> Self:
        """Return the point of an evaluation.

        Args:
            network: In words.
            recipe: Name and options of the recipe.
            stagger: Start delay, where it was chosen.
            result: The run.
            energy: Its energy.
        """
        score, activity = result.scores[0], result.activity
        accuracy = _last(score.accuracy)
        low, high = result.interval()
        return cls(
            network=network,
            recipe={name: plain(value) for name, value in recipe.items()},
            timesteps=result.timesteps,
            latency=result.latency,
            pipelined_latency=result.pipelined_latency,
            accuracy=accuracy,
            low=low,
            high=high,
            agreement=_last(score.agreement),
            error=_last(score.error),
            deviation=float(score.deviation[-1]),
            spikes=activity.spikes,
            spikes_per_neuron=activity.spikes_per_neuron,
            operations=(
                activity.additions
                + activity.macs
                + activity.membrane_updates
                + activity.comparisons
            ),
            additions=activity.additions,
            macs=activity.macs,
            membrane_updates=activity.membrane_updates,
            energy=energy.snn.total,
            arithmetic=energy.snn.arithmetic,
            engine=result.engine,
            seconds=result.seconds,
            stagger=stagger,
        )


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """The CNN on the same samples.

    Attributes:
        accuracy, low, high, error: As of a `SweepPoint`.
        macs: Multiply-accumulates.
        energy: Energy in uJ, by the same rules.
        arithmetic: Its part for arithmetic.
        name: "CNN", or "twin" where it was trained for spikes.
    """

    accuracy: float | None
    low: float | None
    high: float | None
    error: float | None
    macs: int
    energy: float
    arithmetic: float
    name: str = "CNN"

    @classmethod
    def of(cls, result: Evaluation, energy: Energy) -> Self:
        """Return the CNN's figures of an evaluation."""
        score = result.scores[0]
        single = score.task not in SEVERAL and not score.weighted
        low, high = interval_of(score.cnn_accuracy if single else None, result.samples)
        return cls(
            accuracy=score.cnn_accuracy,
            low=low,
            high=high,
            error=score.cnn_error,
            macs=result.activity.cnn_macs,
            energy=energy.cnn.total,
            arithmetic=energy.cnn.arithmetic,
            name=result.reference,
        )


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A network that could not be built or run.

    Attributes:
        network: In words.
        timesteps: T.
        reason: The error's message.
    """

    network: str
    timesteps: int | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Networks of one CNN, each converted for its own T, on samples that chose nothing.

    Attributes:
        model: Name of the CNN.
        samples: Number of samples scored.
        calibration: Number of samples that set thresholds and weights.
        measure: What quality means here: "accuracy", "agreement", "error" or "deviation".
        costs: Name of the cost table.
        node: Its process.
        numbers: Format of the numbers that the estimate of energy assumes.
        cnn: The CNN on the same samples.
        points: One per network.
        refused: Networks that could not be built or run.
    """

    model: str
    samples: int
    calibration: int
    measure: str
    costs: str
    node: str
    numbers: str
    cnn: Baseline
    points: tuple[SweepPoint, ...]
    refused: tuple[Refusal, ...] = ()

    def quality(self, point: SweepPoint) -> float:
        """Return what the sweep compares networks by; more is better."""
        value = float(getattr(point, self.measure))
        return value if self.measure in ("accuracy", "agreement") else -value

    def pareto(self, cost: str = "energy") -> Self:
        """Return the sweep with only the networks that no other one dominates.

        A network dominates another one that is no better and no cheaper, and worse or dearer.

        Args:
            cost: One of `COSTS`.

        Raises:
            OptionError: an unknown cost, or one that a network does not have.
        """
        if cost not in COSTS:
            raise OptionError(f"cost={cost!r}; allowed: {', '.join(map(repr, COSTS))}")
        if any(getattr(point, cost) is None for point in self.points):
            raise OptionError(f"cost={cost!r}: networks of windows have none; use 'latency'")
        places = _front(
            [self.quality(point) for point in self.points],
            [float(getattr(point, cost)) for point in self.points],
        )
        return replace(self, points=tuple(self.points[place] for place in places))

    def recommended(self) -> SweepPoint:
        """Return the network of least energy whose accuracy is within half a point of the CNN's.

        Without labels it is the network of least energy that keeps 99.5 % of the decisions; where
        there is none, the best network. For regression it is the one of least energy whose error
        is at most 5 % above the least one.
        """
        front, best = self.pareto().points, {"accuracy": self.cnn.accuracy, "agreement": 1.0}
        known = best.get(self.measure)
        if known is None:
            least = self.quality(front[-1]) * (1 + _ALIKE)
        else:
            least = known - _DROP
        good = (point for point in front if self.quality(point) >= least)
        return next(good, front[-1])

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; each point says whether it is on the front of energy."""
        front = set(map(id, self.pareto().points))
        record = {
            **asdict(self),
            "schema": 1,
            "points": [
                {**asdict(point), "memory": point.memory, "pareto": id(point) in front}
                for point in self.points
            ],
        }
        return {name: plain(value) for name, value in record.items()}


def _front(qualities: Sequence[float], costs: Sequence[float]) -> list[int]:
    """Return the places of the pairs that no other one dominates, by rising cost."""
    order = sorted(range(len(costs)), key=lambda place: (costs[place], -qualities[place]))
    kept: list[int] = []
    for place in order:
        if not kept or qualities[place] > qualities[kept[-1]]:
            kept.append(place)
    return kept


def measure_of(score: OutputScore) -> str:
    """Return what the quality of an output is measured by, from what is known of its samples."""
    known = ("accuracy", "error", "agreement")
    return next((name for name in known if getattr(score, name) is not None), "deviation")


def _last(course: Any) -> float | None:
    return None if course is None else float(course[-1])
