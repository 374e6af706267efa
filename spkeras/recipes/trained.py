"""Recipes for CNNs that `spkeras.training` prepares: options of training and of conversion."""

from dataclasses import dataclass
from typing import ClassVar, Unpack

from spkeras.errors import OptionError
from spkeras.recipes.base import Recipe
from spkeras.recipes.conversion import Conversion
from spkeras.recipes.fields import Default, Details, option
from spkeras.recipes.neurons import RateCoded, initial_potential_option
from spkeras.recipes.simulation import Simulation
from spkeras.recipes.statistics import percentile_option

ENCODINGS = ("spikes", "expanded", "real")
POOLINGS = ("keep", "average", "trainable")
# Spike codes of cat, and their default T: first spikes, weighted phases, growing bursts.
CODES = {"ttfs": 24, "phase": 8, "burst": 8}


def _training(default: Default, text: str, **details: Unpack[Details]) -> Default:
    """Return an option that only the training reads."""
    own: Details = {"stage": "training", "group": "training", **details}
    return option(default, text, **own)


def _encoding(default: str, *choices: str) -> str:
    return _training(
        default,
        "Input: spike counts of T steps, counts on three scales, or real values.",
        choices=choices,
        group="input",
    )


_POOLING = _training(
    "keep", "Max pooling: keep it, or replace it by average or trainable pooling.", choices=POOLINGS
)


def _thresholds(default: str) -> str:
    return option(
        default,
        "Thresholds: learned as in training, or trained after the conversion.",
        choices=("learned", "trained"),
        group="thresholds",
    )


def _pooling_neurons(default: bool) -> bool:
    return _training(default, "Add neurons after average pooling.", group="neuron")


def _input_threshold(text: str) -> float | None:
    return _training(
        None,
        text,
        low=0,
        above=True,
        group="input",
        shown="1; the data's largest value if above",
    )


def _shift(default: float) -> float:
    return _training(
        default,
        "Initial potential in training, as a fraction of a level.",
        low=0,
        high=1,
        below=True,
        group="neuron",
    )


@dataclass(frozen=True, kw_only=True)
class Trained(RateCoded):
    """A recipe for a CNN whose activations define the value of a spike.

    Attributes:
        thresholds: "learned": as in training; "trained": trained per channel against the
            layer-synchronous network (`spkeras.train_thresholds`).
        input_threshold: theta of the input neurons. None: 1, or the largest input of the data
            where that is above 1, such as 255.
        pooling: "keep"; "average": max pooling becomes average pooling; "trainable": poolings
            become depthwise convolutions that start as averages.
        percentile: Share of a layer's activations inside its range, in %. None: chosen from T.
        encoding: Input: "spikes" (counts of T steps), "expanded" (counts on three scales), "real"
            (the values; a constant current after the conversion).
        pooling_neurons: Whether average pooling is followed by an activation.
        shift: Initial potential in training, as a fraction of a level.
    """

    needs_training: ClassVar[bool] = True

    thresholds: str = _thresholds("learned")
    initial_potential: float | None = initial_potential_option("as trained")
    encoding: str = _encoding("spikes", "spikes", "real")
    input_threshold: float | None = _input_threshold("Threshold theta of the input neurons.")
    pooling: str = _POOLING
    pooling_neurons: bool = _pooling_neurons(True)
    percentile: float | None = percentile_option(stage="training", shown="from T")
    shift: float = _shift(0.0)

    def check(self, simulation: Simulation) -> None:
        """Refuse, in addition, threshold training of a network that is not clock-driven."""
        super().check(simulation)
        if self.thresholds == "trained" and simulation.schedule != "clock_driven":
            raise OptionError(
                f"schedule={simulation.schedule!r} with thresholds='trained'; allowed: "
                "'clock_driven'; layer-synchronous counts equal the closed form without training"
            )

    def conversion(self, timesteps: int) -> Conversion:
        """Return the settings of the passes."""
        return Conversion(
            **self.neurons(),
            thresholds=self.thresholds,
            learned=True,
            readout=self.readout,
            weight_bits=self.weight_bits,
        )


@dataclass(frozen=True, kw_only=True)
class CQ(Trained):
    """Clamp and quantise.

    Reference:
        Yan, Zhou, Wong 2021, "Near lossless transfer learning for spiking neural networks", AAAI.
    """

    name: ClassVar[str] = "cq"
    summary: ClassVar[str] = "clamp and quantise"


@dataclass(frozen=True, kw_only=True)
class CQPlus(Trained):
    """Clamp and quantise, with thresholds trained per channel after the conversion.

    Reference:
        Yan, Zhou, Wong 2023, "CQ+ training", IEEE TPAMI.
    """

    name: ClassVar[str] = "cq+"
    summary: ClassVar[str] = "clamp and quantise; thresholds are trained at the conversion"

    thresholds: str = _thresholds("trained")


@dataclass(frozen=True, kw_only=True)
class LowLatency(Trained):
    """Value ranges and expanded input channels, down to one time step.

    Attributes:
        levels_per_unit: N, levels per unit of the input. None: 4 for T = 1, 3 for T = 2, else 5/4 T.

    Reference:
        Yan, Zhou, Wong 2022, arXiv:2211.08410.
    """

    name: ClassVar[str] = "low_latency"
    summary: ClassVar[str] = "value ranges and expanded input channels, down to one time step"
    steps: ClassVar[int] = 8

    encoding: str = _encoding("expanded", *ENCODINGS)
    levels_per_unit: float | None = _training(
        None, "N, levels per unit of the input.", low=0, above=True, group="neuron", shown="5/4 T"
    )


@dataclass(frozen=True, kw_only=True)
class QCFS(Trained):
    """Trainable ceilings, rounded to the nearest level.

    Reference:
        Bu et al. 2022, "Optimal ANN-SNN conversion for high-accuracy and ultra-low-latency
        spiking neural networks", ICLR.
    """

    name: ClassVar[str] = "qcfs"
    summary: ClassVar[str] = "trainable ceilings, rounded to the nearest level"
    steps: ClassVar[int] = 8

    encoding: str = _encoding("real", "spikes", "real")
    pooling_neurons: bool = _pooling_neurons(False)
    shift: float = _shift(0.5)


@dataclass(frozen=True, kw_only=True)
class CAT(Recipe):
    """Conversion-aware training: first spikes with a base-2 kernel, logarithmic weights.

    Attributes:
        spike_code: "ttfs": first spikes; "phase": spikes of a period weigh 1/2, 1/4, ...;
            "burst": each spike of a burst weighs twice the one before.
        tau: Time steps in which the threshold halves.
        encoding: "spikes": the input is encoded; "real": it is not.
        input_threshold: Largest input that is encoded. None: as in `Trained`.
        pooling: As in `Trained`.
        pooling_neurons: Whether average pooling is followed by an activation.
        percentile: Share of a layer's activations inside its range, in %.

    Reference:
        Lew, Lee, Park 2022, DAC, arXiv:2208.04494; reconstructed (docs/papers.md).
    """

    name: ClassVar[str] = "cat"
    summary: ClassVar[str] = "time to first spike with a base-2 kernel, logarithmic weights"
    needs_training: ClassVar[bool] = True
    converts: ClassVar[bool] = False
    steps: ClassVar[int] = CODES["ttfs"]

    spike_code: str = _training("ttfs", "Spike code.", choices=tuple(CODES), group="neuron")
    tau: float = _training(
        4.0,
        "Time steps in which the threshold halves.",
        low=0,
        above=True,
        unit="steps",
        group="neuron",
    )
    encoding: str = _encoding("spikes", "spikes", "real")
    input_threshold: float | None = _input_threshold("Largest input that is encoded.")
    pooling: str = _POOLING
    pooling_neurons: bool = _pooling_neurons(False)
    percentile: float | None = percentile_option(stage="training", shown="from T")
