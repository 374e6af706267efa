"""Common part of all recipes: options of the conversion, published settings, defaults for T."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from spkeras.errors import OptionError
from spkeras.ops.published import for_conversion
from spkeras.recipes.conversion import Conversion
from spkeras.recipes.fields import Config, option
from spkeras.recipes.simulation import Simulation

READOUTS = ("membrane", "spikes")
CORRECTIONS = ("light", "advanced", "both", "offset_spikes")


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
    """

    readout: str = option(
        "membrane",
        "Output from the last layer's membrane potential, or from its spikes.",
        choices=READOUTS,
    )
    weight_bits: int | None = option(
        None, "Bits of a quantised weight.", low=2, high=16, unit="bits", shown="float32"
    )

    def conversion(self, timesteps: int) -> Conversion:
        """Return the settings of the passes, chosen for T.

        Args:
            timesteps: T.
        """
        raise NotImplementedError
