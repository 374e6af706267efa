"""Settings of training: of a twin before the conversion, and of a network after it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, Unpack

from spkeras.errors import OptionError
from spkeras.recipes.base import CORRECTIONS
from spkeras.recipes.fields import Config, Default, Details, option
from spkeras.recipes.trained import CQ

if TYPE_CHECKING:
    # Imports NumPy, which the help of a command does not need.
    from spkeras.graph.integers import Integers
    from spkeras.ops.log_weights import LogFormat

OPTIMIZERS = ("adam", "sgd")
LOSSES = ("crossentropy", "mse")


def _planned(default: Default, text: str, **details: Unpack[Details]) -> Default:
    own: Details = {"group": "training", "stage": "plan", **details}
    return option(default, text, **own)


@dataclass(frozen=True, kw_only=True)
class Augmentation(Config):
    """Random changes of training images.

    Attributes:
        crop_shift: Largest shift in pixels, vertically and horizontally; zeros fill the border.
        flip: Whether half of the images are mirrored, left to right.
        noise: Standard deviation of the noise added to each value (0.01 in CQ's published code).
    """

    crop_shift: int = _planned(0, "Largest shift of an image.", low=0, unit="pixels")
    flip: bool = _planned(False, "Mirror half of the images.")
    noise: float = _planned(0.0, "Standard deviation of added noise.", low=0)


@dataclass(frozen=True, kw_only=True)
class FinetunePlan(Config):
    """How a twin is trained.

    Attributes:
        relu: Epochs before the others, for a CNN that has not been trained yet.
        clamp: Epochs with activations clamped to their range.
        quantize: Epochs with activations clamped and quantised.
        then: T and epochs of a further T, or None.
        weights: Format of the logarithmic weights of the trained network, for `cat`: batch norm
            is folded into the kernels, and these are rounded to their codes. None keeps weights
            as they are.
        log: Epochs with the values of those codes; 0 rounds weights after training.
        weight_bits, threshold_bits, membrane_bits: Widths of the network of whole numbers that the
            trained network is converted to with the same options: batch norm is folded into the
            kernels, and these take the values of their codes; with threshold_bits or membrane_bits
            biases, too. None keeps weights as they are.
        rounded: Epochs with these values; 0 rounds after training. None: 2 with weight_bits.
        log_rate: Peak learning rate of the epochs with codes; None for a quarter of the other one,
            or for whole weights 4 times it, as a share of the largest weight of each channel.
        rate: Peak learning rate. It rises during a tenth of the first epoch, then falls to zero
            as a cosine.
        optimizer: "adam" or "sgd" (Nesterov momentum 0.9, decoupled decay 5e-4 / rate).
        loss: "crossentropy", or "mse" against one-hot labels.
        distil: Share of each label that is the output of a teacher, 0 to 1.
        batch_size: Samples at once.
        held_out: Training samples that are evaluated after each epoch and never trained on,
            drawn at random with a fixed seed.
        choose_timesteps: T to choose from after training, on the samples held out.
        max_drop: Points of accuracy that the chosen T may lose against the largest T.
        augmentation: Random changes of the samples.
        seed: Of order, augmentation and dropout.
        insist: Accept a teacher that is near chance on the training samples; not stored.
    """

    relu: int = _planned(0, "Epochs with ReLU.", low=0, unit="epochs")
    clamp: int = _planned(1, "Epochs with clamped activations.", low=0, unit="epochs")
    quantize: int = _planned(3, "Epochs with quantised activations.", low=0, unit="epochs")
    then: tuple[int, int] | None = None
    weights: "LogFormat | None" = None
    log: int = _planned(0, "Epochs with logarithmic weights.", low=0, unit="epochs", shown="cat 2")
    weight_bits: int | None = None
    threshold_bits: int | None = None
    membrane_bits: int | None = None
    rounded: int | None = _planned(
        None, "Epochs with weights of --weight-bits.", low=0, unit="epochs", shown="2 with them"
    )
    log_rate: float | None = _planned(
        None,
        "Peak learning rate with weights in codes.",
        low=0,
        high=10,
        above=True,
        below=True,
        shown="rate / 4; whole weights 4 rate",
    )
    rate: float = _planned(
        5e-4, "Peak learning rate.", low=0, high=10, above=True, below=True, shown="0.0005"
    )
    optimizer: str = _planned("adam", "Optimizer of the weights.", choices=OPTIMIZERS)
    loss: str = _planned("crossentropy", "Loss.", choices=LOSSES)
    distil: float = _planned(
        0.0, "Share of each label that is the CNN's own output.", low=0, high=1
    )
    batch_size: int = _planned(
        128, "Samples at once in training.", low=1, flag="train-batch", unit="samples"
    )
    held_out: int = _planned(
        0, "Training samples that are evaluated and never trained on.", low=0, unit="samples"
    )
    choose_timesteps: tuple[int, ...] = ()
    max_drop: float = _planned(
        1.0,
        "Accuracy that the T chosen by --choose-timesteps may lose.",
        low=0,
        high=100,
        unit="points",
    )
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = _planned(1, "Seed of order and augmentation.")
    insist: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_whole()
        # Weights can be rounded without any epoch.
        if not self.epochs and self.weights is None and self.integers is None:
            raise OptionError(
                f"relu={self.relu}, clamp={self.clamp}, quantize={self.quantize}; allowed: 0 or "
                "more epochs each, 1 or more in all"
            )
        if self.log and (self.weights is None or self.weights.rounding != "log"):
            raise OptionError(
                f"log={self.log!r} with weights={self.weights!r}; allowed with weights of a "
                "format that rounds in the logarithmic domain"
            )
        if self.choose_timesteps and not self.held_out:
            raise OptionError(
                f"choose_timesteps={self.choose_timesteps!r} with held_out=0; allowed: "
                "held_out (--held-out) from 1"
            )

    def _check_whole(self) -> None:
        if self.integers is None and self.rounded is not None:
            raise OptionError(
                f"rounded={self.rounded!r} without weight_bits; allowed: beside weight_bits, "
                "threshold_bits or membrane_bits"
            )
        if self.integers is not None and self.weights is not None:
            raise OptionError(
                f"weight_bits={self.weight_bits!r}, threshold_bits={self.threshold_bits!r} with "
                f"weights={self.weights!r}; allowed: one of whole and logarithmic weights"
            )

    @property
    def integers(self) -> "Integers | None":
        """Widths of whole numbers in training; None for weights that are no whole numbers."""
        names = ("weight_bits", "threshold_bits", "membrane_bits")
        given = {name: getattr(self, name) for name in names}
        if all(value is None for value in given.values()):
            return None
        # The conversion's defaults and messages.
        return CQ(**given).widths

    @property
    def coded(self) -> int:
        """Epochs with weights in the values of their codes."""
        if self.integers is None:
            return self.log
        return 2 if self.rounded is None else self.rounded

    @property
    def final_rate(self) -> float:
        """Peak learning rate of the epochs with weights in codes."""
        usual = self.rate / 4 if self.integers is None else 4 * self.rate
        return usual if self.log_rate is None else self.log_rate

    @property
    def epochs(self) -> int:
        """Epochs with weights as they are."""
        return self.relu + self.clamp + self.quantize + (self.then[1] if self.then else 0)

    def get_config(self) -> dict[str, Any]:
        """Return all settings as plain values; `from_config` takes them back."""
        whole = {n: getattr(self, n) for n in ("weight_bits", "threshold_bits", "membrane_bits")}
        values = super().get_config()
        # Absent where unused: checkpoints of earlier versions depend on the others.
        given = {
            n: v for n, v in {**whole, "rounded": values.pop("rounded")}.items() if v is not None
        }
        return {
            **values,
            **given,
            "then": None if self.then is None else list(self.then),
            "weights": None if self.weights is None else self.weights.to_dict(),
            "choose_timesteps": list(self.choose_timesteps),
            "augmentation": self.augmentation.get_config(),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the plan that `get_config` described."""
        values = dict(config)
        for name in ("then", "choose_timesteps"):
            if values.get(name) is not None:
                values[name] = tuple(values[name])
        if isinstance(values.get("weights"), Mapping):
            from spkeras.ops.log_weights import LogFormat

            values["weights"] = LogFormat(**values["weights"])
        if isinstance(values.get("augmentation"), Mapping):
            values["augmentation"] = Augmentation.from_config(values["augmentation"])
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class ThresholdPlan(Config):
    """How thresholds of a converted network are trained, without gradients.

    Attributes:
        rate: Step of a threshold, as a fraction of it; 0.1 as published (0.01 for T / N = 32 / 40).
        batch_size: Samples between two updates.
        checkpoint_every: Batches between two checkpoints.
    """

    rate: float = _planned(
        0.1, "Step of a threshold, as a fraction of it.", low=0, high=1, above=True
    )
    batch_size: int = _planned(50, "Samples between two updates.", low=1, unit="samples")
    checkpoint_every: int = _planned(20, "Batches between two checkpoints.", low=1, unit="batches")


@dataclass(frozen=True, kw_only=True)
class CorrectionPlan(Config):
    """How the mean rates of a converted network are corrected.

    Attributes:
        method: "light" (biases), "advanced" (initial potentials), "both" or "offset_spikes".
        samples: Samples drawn at random from the data, with a fixed seed.
        batch_size: Samples at once.
    """

    method: str = _planned("light", "What is corrected.", choices=CORRECTIONS)
    samples: int = _planned(100, "Samples drawn at random.", low=1, unit="samples")
    batch_size: int = _planned(50, "Samples at once.", low=1, unit="samples")
