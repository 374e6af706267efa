"""Options of the neurons of a rate-coded network."""

from dataclasses import dataclass, replace
from typing import Any

from spkeras.errors import OptionError
from spkeras.ops.names import MOST_LEVELS, MOST_MANTISSA_BITS, NEURON_MODELS
from spkeras.recipes.base import CORRECTIONS, Stepwise
from spkeras.recipes.fields import Option, option
from spkeras.recipes.simulation import Simulation

# Default T where the receiving neuron keeps values.
DIFFERENTIAL_STEPS = 4
_BURST = {"max_spikes_per_step": 4}
_GRADED = {"levels": 8, "levels_above_scale": 0, "mantissa_bits": 0}


def neuron_names() -> tuple[str, ...]:
    """Return the names of the neuron models that can send a rate."""
    return tuple(name for name, model in NEURON_MODELS.items() if "rate" in model.spike_codes)


def _own(neuron: str) -> dict[str, int]:
    """Return the options of certain neurons, and their defaults."""
    model = NEURON_MODELS.get(neuron)
    burst, graded = (model.burst, model.graded) if model else (False, False)
    return {**(_BURST if burst else {}), **(_GRADED if graded else {})}


def initial_potential_option(shown: str) -> float | None:
    """Return the option of the initial membrane potential, with its default in words."""
    return option(
        None,
        "Initial potential as a fraction of the threshold; 0.5 rounds to nearest.",
        low=0,
        high=1,
        group="neuron",
        shown=shown,
    )


def levels_options(levels: str, above: str, mantissa: str) -> tuple[int | None, ...]:
    """Return the options of graded spikes: exponents, those above the scale, mantissa bits.

    Args:
        levels: Default of the first, in words.
        above: Of the second.
        mantissa: Of the third.
    """
    return (
        option(
            None,
            "Exponents of a graded spike.",
            low=1,
            high=MOST_LEVELS,
            group="neuron",
            shown=levels,
        ),
        option(
            None,
            "Exponents of a graded spike that lie above a layer's scale.",
            low=0,
            high=MOST_LEVELS - 1,
            group="neuron",
            shown=above,
        ),
        option(
            None,
            "Mantissa bits of a graded spike.",
            low=0,
            high=MOST_MANTISSA_BITS,
            unit="bits",
            group="neuron",
            shown=mantissa,
        ),
    )


_LEVELS, _ABOVE, _MANTISSA = levels_options("8", "0", "0")


@dataclass(frozen=True, kw_only=True)
class RateCoded(Stepwise):
    """A recipe whose spikes mean a rate or differences of a rate.

    Attributes:
        neuron: A key of `spkeras.ops.names.NEURON_MODELS` that can send a rate.
        spike_code: "rate", or "differential": differences between running means.
        reset: After a spike: "subtract" the threshold, or set the potential to "zero" (binary
            neurons under the rate code).
        initial_potential: As a fraction of the threshold; 1/2 rounds to nearest.
        max_spikes_per_step: Most spikes of a burst neuron in one step.
        levels: Exponents of a spike of multi-threshold neurons.
        levels_above_scale: How many of them lie above a layer's scale.
        mantissa_bits: Bits after the leading one.
        correction: "light" (biases), "advanced" (initial potentials) or "both": bring the mean
            rates of a clock-driven network to those of the CNN (`spkeras.correct`).
            "offset_spikes": initial potentials that shift in each sample, after a few steps.
    """

    neuron: str = option("binary", "Neuron model: the spikes that a neuron sends.", group="neuron")
    spike_code: str = option(
        "rate",
        "Spike code: spikes carry a rate, or differences of it.",
        choices=("rate", "differential"),
        group="neuron",
    )
    reset: str = option(
        "subtract",
        "Reset after a spike: subtract the threshold, or set to zero.",
        choices=("subtract", "zero"),
        group="neuron",
    )
    initial_potential: float | None = initial_potential_option("0.5")
    max_spikes_per_step: int | None = option(
        None,
        "Most spikes of a burst neuron in one step.",
        low=1,
        group="neuron",
        shown="4",
        unit="spikes",
    )
    levels: int | None = _LEVELS
    levels_above_scale: int | None = _ABOVE
    mantissa_bits: int | None = _MANTISSA
    correction: str | None = option(
        None,
        "Correct mean rates by biases (light), initial potentials (advanced) or both; or shift "
        "potentials in each sample (offset_spikes).",
        choices=CORRECTIONS,
        group="thresholds",
        shown="none",
    )

    @classmethod
    def options(cls) -> dict[str, Option]:
        """Return its options by name; those of neurons include registered ones."""
        known = super().options()
        return {**known, "neuron": replace(known["neuron"], choices=neuron_names())}

    def _complete(self) -> None:
        super()._complete()
        own = _own(self.neuron)
        for name in (*_BURST, *_GRADED):
            if name not in own and getattr(self, name) is not None:
                having = [neuron for neuron in neuron_names() if name in _own(neuron)]
                raise OptionError(
                    f"{name}={getattr(self, name)!r} with neuron={self.neuron!r}; allowed: "
                    f"neuron={' or '.join(map(repr, having))}, or recipe='sigma_delta'"
                )
        self._default(**own)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reset == "zero" and not self.counts:
            raise OptionError(
                f"reset='zero' with neuron={self.neuron!r}, spike_code={self.spike_code!r}; "
                "allowed: 'subtract', or neuron='binary' with spike_code='rate'"
            )
        check_levels(self.levels, self.levels_above_scale)

    @property
    def counts(self) -> bool:
        """Whether the residual potential of a neuron equals what its spikes have not sent."""
        model = NEURON_MODELS.get(self.neuron)
        return model is not None and model.one_bit and self.spike_code == "rate"

    def check(self, simulation: Simulation) -> None:
        """Refuse a correction of a network that is not clock-driven, binary and rate-coded."""
        simulation.check_code(self.spike_code)
        if self.correction and (simulation.schedule != "clock_driven" or not self.counts):
            raise OptionError(
                f"correction={self.correction!r} with schedule={simulation.schedule!r}, neuron="
                f"{self.neuron!r}, spike_code={self.spike_code!r}; allowed: 'clock_driven', "
                "'binary', 'rate'"
            )

    def simulation(self, given: Simulation) -> Simulation:
        """Return the settings of a simulation; offset-spike correction has no stagger."""
        given = super().simulation(given)
        if self.correction != "offset_spikes":
            return given
        if given.stagger:
            raise OptionError(
                f"stagger={given.stagger!r} with correction='offset_spikes'; allowed: 0 or None, "
                "since each layer waits for the one before"
            )
        return given.changed(stagger=0)

    @property
    def default_timesteps(self) -> int:
        """Default T."""
        return DIFFERENTIAL_STEPS if self.spike_code == "differential" else self.steps

    def neurons(self) -> dict[str, Any]:
        """Return the entries of a `Conversion` that describe neurons."""
        return {
            "neuron": self.neuron,
            "spike_code": self.spike_code,
            "reset": self.reset,
            "initial_potential": self.initial_potential,
            "max_spikes_per_step": self.max_spikes_per_step or 1,
            "levels": self.levels or _GRADED["levels"],
            "levels_above_scale": self.levels_above_scale or 0,
            "mantissa_bits": self.mantissa_bits or 0,
        }

    def _applies(self, name: str) -> bool:
        own = name not in (*_BURST, *_GRADED) or name in _own(self.neuron)
        return own and super()._applies(name)


def check_levels(levels: int | None, above: int | None) -> None:
    """Refuse levels above a layer's scale if none is left at or below it.

    Raises:
        OptionError: the two numbers do not fit.
    """
    if levels is not None and above is not None and above > levels - 1:
        raise OptionError(
            f"levels_above_scale={above!r} with levels={levels}; allowed: 0 to {levels - 1}"
        )
