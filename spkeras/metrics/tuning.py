"""The result of a search for a cheap network: bounds, what was found, what confirms it."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from spkeras.errors import DataError, OptionError
from spkeras.metrics.evaluation import plain
from spkeras.metrics.sweep import Baseline, Sweep, SweepPoint

# Standard deviations that a normal distribution exceeds with a probability of 5 %.
_ONE_SIDED = 1.645


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a network has to keep.

    Attributes:
        max_drop: Largest loss of accuracy (without labels: of equal decisions) in points.
        max_energy: Largest energy in uJ a sample; None for any.
        max_latency: Largest latency in time steps; None for any.
    """

    max_drop: float = 0.5
    max_energy: float | None = None
    max_latency: float | None = None

    def __post_init__(self) -> None:
        for name, low in (("max_drop", True), ("max_energy", False), ("max_latency", False)):
            value = getattr(self, name)
            if value is None and not low:
                continue
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or value < 0 or (value == 0 and not low):
                raise OptionError(f"{name}={value!r}; allowed: finite numbers above 0")

    @property
    def words(self) -> str:
        """The bounds that are set."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        return ", ".join(f"{name}={value:g}" for name, value in given.items())

    def excess(self, point: SweepPoint, drop: float) -> float:
        """Return by how much a network exceeds the bounds; 0 for one within them."""
        beyond = max(0.0, drop - self.max_drop)
        for value, most in ((point.energy, self.max_energy), (point.latency, self.max_latency)):
            if most is not None:
                beyond += max(0.0, value / most - 1)
        return beyond


def drop_of(point: SweepPoint, cnn: Baseline) -> float:
    """Return the loss of a network in points: of accuracy, else of equal decisions."""
    if point.accuracy is not None and cnn.accuracy is not None:
        return 100 * (cnn.accuracy - point.accuracy)
    if point.agreement is not None:
        return 100 * (1 - point.agreement)
    raise DataError(
        "tune: the output is a regression; allowed: classes, whose decisions are compared"
    )


def likely_drop(point: SweepPoint, cnn: Baseline, samples: int) -> float:
    """Return the loss in points that a network exceeds with a probability of 5 % at most.

    A search finds networks that are lucky on its samples; the margin is that of the difference of
    two decisions on the same samples.

    Args:
        point: The network.
        cnn: The CNN.
        samples: Number of samples.
    """
    drop = drop_of(point, cnn) / 100
    changed = 1.0 if point.agreement is None else 1 - point.agreement
    spread = math.sqrt(max(changed - drop**2, 0.0) / max(samples, 1))
    return 100 * (drop + _ONE_SIDED * spread)


@dataclass(frozen=True, eq=False, kw_only=True)
class Tuned:
    """The result of a search.

    Attributes:
        network: The cheapest network within the bounds; a Keras model.
        point: Its figures on the samples of the search.
        confirmed: Its figures on samples that took no part.
        cnn: The CNN on those samples.
        default: What `convert` makes without options, on the samples of the search; None where it
            cannot run.
        bounds: What was asked.
        tried: All networks that were tried.
    """

    network: Any
    point: SweepPoint
    confirmed: SweepPoint
    cnn: Baseline
    default: SweepPoint | None
    bounds: Bounds
    tried: Sweep

    @property
    def drop(self) -> float:
        """Loss in points on the samples that took no part."""
        return drop_of(self.confirmed, self.cnn)

    @property
    def kept(self) -> bool:
        """Whether the bounds hold on the samples that took no part."""
        return self.bounds.excess(self.confirmed, self.drop) == 0

    @property
    def cheaper(self) -> float | None:
        """Energy of the default over that of the network, on the samples of the search."""
        return None if self.default is None else self.default.energy / self.point.energy

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        record = {
            "schema": 1,
            "bounds": asdict(self.bounds),
            "point": asdict(self.point),
            "confirmed": asdict(self.confirmed),
            "cnn": asdict(self.cnn),
            "default": None if self.default is None else asdict(self.default),
            "drop": self.drop,
            "kept": self.kept,
            "cheaper": self.cheaper,
            "tried": self.tried.to_dict(),
        }
        return {name: plain(value) for name, value in record.items()}
