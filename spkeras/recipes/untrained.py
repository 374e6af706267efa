"""Recipes for CNNs that were not trained for spikes: rate codes, graded spikes, a choice of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from spkeras.ops.names import NEURON_MODELS
from spkeras.recipes.base import WHOLE, Stepwise
from spkeras.recipes.conversion import Conversion
from spkeras.recipes.fields import option
from spkeras.recipes.neurons import RateCoded, check_levels, levels_options
from spkeras.recipes.simulation import Simulation
from spkeras.recipes.statistics import (
    PER_CHANNEL,
    PERCENTILE,
    VALUES_PERCENTILE,
    automatic_percentile,
    automatic_thresholds,
    thresholds_option,
)

SPIKES = ("binary", "signed", "graded")


@dataclass(frozen=True, kw_only=True)
class ECC(RateCoded):
    """Explicit current control: one-bit spikes whose rate is the value.

    Attributes:
        percentile: Share of a layer's activations below its scale, in %; the paper's is 100 (the
            maximum). None: chosen from T.
        per_channel: One scale per channel, or per layer (the paper's).
        thresholds: "mse", "iteration" or "balance": fitted to the distribution of each layer's
            values and the steps for which it fires, or the "percentile" itself. None: "mse" for
            binary neurons with soft reset below T = 64 where no percentile is given, else
            "percentile".
        pooling_neurons: Whether average pooling is followed by neurons, as published; by default
            it is part of the synapses.

    Reference:
        Wu, Yi, Huang 2022, "A little energy goes a long way", Front. Neurosci. 15:759900.
    """

    name: ClassVar[str] = "ecc"
    summary: ClassVar[str] = "one-bit spikes whose rate is the value (explicit current control)"

    percentile: float | None = PERCENTILE
    per_channel: bool = PER_CHANNEL
    thresholds: str | None = thresholds_option("mse for binary spikes and T < 64")
    pooling_neurons: bool = option(
        False, "Add neurons after average pooling.", group="thresholds", shown="no"
    )

    def _complete(self) -> None:
        super()._complete()
        self._default(initial_potential=0.5)
        fits = self.counts and self.reset == "subtract" and self.percentile is None
        if not fits:
            self._default(thresholds="percentile")

    def conversion(self, timesteps: int) -> Conversion:
        """Return the settings of the passes, chosen for T."""
        wide = NEURON_MODELS[self.neuron].graded or self.spike_code == "differential"
        return Conversion(
            **self.neurons(),
            percentile=_percentile(self.percentile, wide, timesteps),
            per_channel=self.per_channel,
            thresholds=self.thresholds or automatic_thresholds(timesteps),
            readout=self.readout,
            weight_bits=self.weight_bits,
            pooling_neurons=self.pooling_neurons,
        )


_LEVELS, _ABOVE, _MANTISSA = levels_options("16", "6 of 16", "1")


@dataclass(frozen=True, kw_only=True)
class SigmaDelta(Stepwise):
    """Graded spikes that carry changes of a value, for any feed-forward network.

    Attributes:
        levels: Exponents of a spike; its payload is a sign, log2(levels) bits and the mantissa.
        levels_above_scale: Exponents above a layer's scale, for the few values that exceed it. None: 6 of 16, and none of the first ten.
        mantissa_bits: Bits after the leading one.
        initial_potential: As a fraction of a level; 1/2 rounds to nearest.
        percentile: Share of a layer's activations below its scale, in %. None: 99.97.
        per_channel: One scale per channel, or per layer.
        thresholds: "percentile", or a search that starts there.
    """

    name: ClassVar[str] = "sigma_delta"
    summary: ClassVar[str] = "graded spikes that carry changes of a value, for any activation"
    steps: ClassVar[int] = 4

    levels: int | None = _LEVELS
    levels_above_scale: int | None = _ABOVE
    mantissa_bits: int | None = _MANTISSA
    initial_potential: float = option(
        0.5,
        "Initial potential as a fraction of a level; 0.5 rounds to nearest.",
        low=0,
        high=1,
        group="neuron",
    )
    percentile: float | None = PERCENTILE
    per_channel: bool = PER_CHANNEL
    thresholds: str | None = thresholds_option("percentile")

    def _complete(self) -> None:
        super()._complete()
        self._default(levels=16, mantissa_bits=1, thresholds="percentile")
        if isinstance(self.levels, int):
            self._default(levels_above_scale=min(6, max(0, self.levels - 10)))

    def __post_init__(self) -> None:
        super().__post_init__()
        check_levels(self.levels, self.levels_above_scale)

    def check(self, simulation: Simulation) -> None:
        """Refuse settings under which values are lost."""
        simulation.check_code("delta")

    def conversion(self, timesteps: int) -> Conversion:
        """Return the settings of the passes, chosen for T."""
        return Conversion(
            neuron="sigma_delta",
            spike_code="delta",
            initial_potential=self.initial_potential,
            levels=int(self.levels or 0),
            levels_above_scale=int(self.levels_above_scale or 0),
            mantissa_bits=int(self.mantissa_bits or 0),
            percentile=_percentile(self.percentile, True, timesteps),
            per_channel=self.per_channel,
            thresholds=str(self.thresholds),
            readout=self.readout,
            weight_bits=self.weight_bits,
        )


@dataclass(frozen=True, kw_only=True)
class Auto(Stepwise):
    """The cheapest network that the hardware allows, of those a sweep compares.

    Attributes:
        spikes: Spikes that the hardware can send: "binary", "signed" (one bit and a sign) or
            "graded".
        percentile, per_channel: As in `ECC`, for every candidate.
        thresholds: As in `ECC`, for every candidate; None tries "percentile" and "mse".
    """

    name: ClassVar[str] = "auto"
    summary: ClassVar[str] = (
        "the cheapest network within --spikes that decides as the CNN, from a small sweep"
    )

    spikes: str = option(
        "graded", "Spikes that the hardware can send.", choices=SPIKES, group="neuron"
    )
    percentile: float | None = PERCENTILE
    per_channel: bool = PER_CHANNEL
    thresholds: str | None = thresholds_option("percentile and mse are tried")

    def candidates(self) -> Iterator[Stepwise]:
        """Yield the recipes of the networks that the spikes allow."""
        kinds: list[tuple[type[ECC] | type[SigmaDelta], dict[str, Any]]]
        if self.spikes == "graded":
            kinds = [(SigmaDelta, {"levels": levels}) for levels in (8, 16)]
        elif self.spikes == "signed":
            own = {"neuron": "signed"}
            kinds = [(ECC, own), (ECC, {**own, "spike_code": "differential"})]
        else:
            kinds = [(ECC, {})]
        shared = ("readout", "weight_bits", "rounding", "relays", *WHOLE, "insist")
        names = (*shared, "percentile", "per_channel")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        tried = (self.thresholds,) if self.thresholds else ("percentile", "mse")
        for recipe, options in kinds:
            for thresholds in tried:
                yield recipe(thresholds=thresholds, **options, **given)


def _percentile(given: float | None, wide: bool, timesteps: int) -> float:
    """Return the percentile; wide neurons send large values at no further cost."""
    if given is not None:
        return given
    return VALUES_PERCENTILE if wide else automatic_percentile(timesteps)
