"""Common part of all recipes: options of the conversion, published settings, defaults for T."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

from spkeras.errors import OptionError
from spkeras.ops.published import for_conversion
from spkeras.recipes.conversion import Conversion
from spkeras.recipes.fields import Config, Default, Details, option
from spkeras.recipes.simulation import Simulation

if TYPE_CHECKING:
    # Imports NumPy, which the help of a command does not need.
    from spkeras.graph.integers import Integers

READOUTS = ("membrane", "spikes")
CORRECTIONS = ("light", "advanced", "both", "offset_spikes")
OVERFLOWS = ("saturate", "wrap")
UNITS = ("channel", "layer")
ROUNDINGS = ("fitted", "nearest")
# Options that only networks of whole numbers have.
WHOLE = ("threshold_bits", "membrane_bits", "input_bits", "overflow", "units")
_WIDEST_THRESHOLD = 24


def _whole(default: Default, text: str, **details: Unpack[Details]) -> Default:
    own: Details = {**details, "unit": "bits", "group": "whole numbers"}
    return option(default, text, **own)


@dataclass(frozen=True, kw_only=True)
class Recipe(Config):
    """A method to convert a CNN into a spiking network.

    Attributes:
        insist: Accept calibration samples that are identical, or whose range after the CNN's
            Rescaling or Normalization is implausible; not stored.
        published: Set by `as_published`: all settings are those of the publication.
    """

    name: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    # Whether the CNN must have been trained for it (`spkeras.finetune`).
    needs_training: ClassVar[bool] = False
    # Whether `spkeras.convert` takes it.
    converts: ClassVar[bool] = True
    steps: ClassVar[int] = 64

    insist: bool = False
    published: bool = False

    @classmethod
    def label(cls) -> str:
        """Return its name in messages."""
        return f"recipe {cls.name!r}"

    @classmethod
    def as_published(cls, schedule: str = "clock_driven", **options: Any) -> Self:
        """Return the recipe with all settings that its publication fixes.

        Args:
            schedule: Of the simulation; the settings of some publications depend on it.
            options: Options that the publication leaves open.

        Raises:
            OptionError: a recipe without published settings, or an option that contradicts them.
        """
        cls.refuse_unknown(options)
        settings = for_conversion(cls.name, schedule, options)
        own = {name: value for name, value in settings.items() if name in cls.options()}
        return cls(**{**options, **own}, published=True)

    @property
    def default_timesteps(self) -> int:
        """Default T."""
        return self.steps

    def simulation(self, given: Simulation) -> Simulation:
        """Return the settings of a simulation, completed by the published ones.

        Raises:
            OptionError: a setting that contradicts the publication.
        """
        if not self.published:
            return given
        config = given.get_config()
        own = {name: value for name, value in self.get_config().items() if name != "recipe"}
        settings = for_conversion(self.name, given.schedule, {**own, **config})
        known = {name: value for name, value in settings.items() if name in config}
        return given.changed(**known)

    def check(self, simulation: Simulation) -> None:
        """Refuse settings of a simulation that the recipe cannot run with.

        Raises:
            OptionError: a setting is not allowed.
        """

    def get_config(self) -> dict[str, Any]:
        """Return name and options as plain values, without options that do not apply."""
        values = {name: getattr(self, name) for name in self.options()}
        return {"recipe": self.name, **{n: v for n, v in values.items() if self._applies(n)}}

    def conversion_config(self) -> dict[str, Any]:
        """Return name and options of the conversion as plain values, without those of training."""
        known = self.options()
        return {
            name: value
            for name, value in self.get_config().items()
            if name == "recipe" or known[name].stage == "conversion"
        }

    def _applies(self, name: str) -> bool:
        """Return whether an option applies, given the others."""
        return True

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the recipe that `get_config` described.

        Raises:
            OptionError: the dictionary of another recipe.
        """
        options = dict(config)
        name = options.pop("recipe", cls.name)
        if name != cls.name:
            raise OptionError(f"recipe={name!r}; allowed for {cls.__name__}: {cls.name!r}")
        return cls(**options)


@dataclass(frozen=True, kw_only=True)
class Stepwise(Recipe):
    """A recipe whose network runs step by step, in a spike loop.

    Attributes:
        readout: Source of the output: "membrane" of the last layer, or its "spikes".
        weight_bits: n-bit weights, or None for float32.
        threshold_bits, membrane_bits, input_bits, overflow, units: A network of whole numbers (see
            `spkeras.graph.integers.Integers`).
        rounding: Of whole weights: "fitted" to the currents of the calibration samples (see
            `spkeras.passes.fitted`), or "nearest", as publications state weights of n bits.
        relays: A neuron of the identity between any two linear layers, so that each synapse is one
            spike times one weight.
    """

    readout: str = option(
        "membrane",
        "Output from the last layer's membrane potential, or from its spikes.",
        choices=READOUTS,
    )
    weight_bits: int | None = option(
        None, "Bits of a quantised weight.", low=2, high=16, unit="bits", shown="float32"
    )

    relays: bool = option(False, "Add neurons of the identity between linear layers.", shown="no")
    threshold_bits: int | None = _whole(
        None, "Bits of a threshold; all numbers become whole ones.", low=2, high=24, shown="float32"
    )
    membrane_bits: int | None = _whole(
        None, "Bits of a membrane potential, sign included.", low=4, high=32, shown="32"
    )
    input_bits: int | None = _whole(
        None, "Bits of the magnitude of an input.", low=1, high=16, shown="8"
    )
    overflow: str | None = option(
        None,
        "Potential beyond its bits: the nearest in range, or its lowest bits.",
        choices=OVERFLOWS,
        group="whole numbers",
        shown="saturate",
    )
    units: str | None = option(
        None,
        "One unit of weights and potentials per channel, or per layer.",
        choices=UNITS,
        group="whole numbers",
        shown="channel",
    )
    rounding: str | None = option(
        None,
        "Whole weights that keep the currents of the calibration samples, or the nearest ones.",
        choices=ROUNDINGS,
        group="whole numbers",
        shown="fitted",
    )

    def _complete(self) -> None:
        super()._complete()
        self._complete_whole()
        if self.weight_bits is not None:
            published = self.published and self.threshold_bits is None
            self._default(rounding="nearest" if published else "fitted")
        elif self.rounding is not None:
            raise OptionError(
                f"rounding={self.rounding!r} without weight_bits; allowed: beside weight_bits, "
                "threshold_bits or membrane_bits, which round weights"
            )

    def _complete_whole(self) -> None:
        given = {name: getattr(self, name) for name in WHOLE}
        if all(value is None for value in given.values()):
            return
        if self.membrane_bits is not None:
            self._default(threshold_bits=min(self.membrane_bits - 2, _WIDEST_THRESHOLD))
        if self.threshold_bits is None:
            name, value = next((n, v) for n, v in given.items() if v is not None)
            raise OptionError(
                f"{name}={value!r} without threshold_bits or membrane_bits; allowed: beside one of "
                "them, which make a network of whole numbers"
            )
        self._default(weight_bits=8, membrane_bits=32, input_bits=8)
        self._default(overflow="saturate", units="channel")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.threshold_bits is not None and self.threshold_bits >= int(self.membrane_bits or 32):
            raise OptionError(
                f"threshold_bits={self.threshold_bits} with membrane_bits={self.membrane_bits}; "
                "allowed: fewer bits than a potential, whose sign takes one"
            )

    def _applies(self, name: str) -> bool:
        if name == "relays":
            return self.relays
        if name == "rounding":
            return self.weight_bits is not None
        return name not in WHOLE or self.threshold_bits is not None

    @property
    def integers(self) -> "Integers | None":
        """Widths of a network of whole numbers; None for one of real numbers."""
        from spkeras.graph.integers import Integers

        if self.threshold_bits is None:
            return None
        return Integers(
            weight_bits=int(self.weight_bits or 0),
            threshold_bits=self.threshold_bits,
            membrane_bits=int(self.membrane_bits or 0),
            input_bits=int(self.input_bits or 0),
            overflow=str(self.overflow),
            per_channel=self.units == "channel",
        )

    @property
    def widths(self) -> "Integers | None":
        """Widths of whole weights, whether or not the other numbers are whole; None without."""
        from spkeras.graph.integers import Integers

        if self.weight_bits is None or self.threshold_bits is not None:
            return self.integers
        return Integers(weight_bits=self.weight_bits, per_channel=False)

    def conversion(self, timesteps: int) -> Conversion:
        """Return the settings of the passes, chosen for T.

        Args:
            timesteps: T.
        """
        raise NotImplementedError

    def chosen(self, timesteps: int) -> Conversion:
        """Return `conversion(timesteps)` with the options that all recipes have.

        Args:
            timesteps: T.
        """
        return replace(
            self.conversion(timesteps), relays=self.relays, whole=self.threshold_bits is not None
        )
