"""How a twin is trained: epochs, rates, augmentation."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spkeras.errors import OptionError
from spkeras.recipes.fields import Config, option

if TYPE_CHECKING:
    # NumPy takes a while to import, which the command line need not wait for.
    from spkeras.ops.log_weights import LogFormat

OPTIMIZERS = ("adam", "sgd")
LOSSES = ("crossentropy", "mse")


def _planned(default: Any, text: str, **details: Any) -> Any:
    return option(default, text, **{"group": "training", "stage": "plan", **details})


@dataclass(frozen=True, kw_only=True)
class Augmentation(Config):
    """What is done to an image before it is trained on.

    Attributes:
        crop_shift: Most pixels it is moved by, up or down and left or right; zeros come in.
        flip: Whether it is mirrored, left to right, half of the time.
        noise: Standard deviation of what is added to each value (0.01 in CQ's published code).
    """

    crop_shift: int = _planned(0, "Most pixels images are moved by.", low=0, unit="pixels")
    flip: bool = _planned(False, "Mirror half of the images.")
    noise: float = _planned(0.0, "Standard deviation of added noise.", low=0)


@dataclass(frozen=True, kw_only=True)
class FinetunePlan(Config):
    """How a twin is trained.

    Attributes:
        relu: Epochs before the others, for a CNN that has not been trained yet.
        clamp: Epochs with activations cut to their range.
        quantize: Epochs with the levels, too.
        then: T and epochs of a further T, or None.
        weights: Format of logarithmic weights that the network ends with, for `cat`: batch norm
            goes into the kernels and these into their codes. None for weights as they are.
        log: Epochs with the values of those codes; 0 rounds weights after training.
        log_rate: Peak learning rate of these epochs; None for a quarter of the other one.
        rate: Peak learning rate; it falls to zero as a cosine, after a tenth of the first
            epoch's length, in which it rises.
        optimizer: "adam" or "sgd" (Nesterov momentum 0.9, decoupled decay 5e-4 / rate).
        loss: "crossentropy", or "mse" against one-hot labels.
        distil: Share of each label that is the answer of a teacher, 0 to 1.
        batch_size: Samples at once.
        augmentation: What is done to the samples.
        seed: Of order, augmentation and dropout.
    """

    relu: int = _planned(0, "Epochs with ReLU.", low=0, unit="epochs")
    clamp: int = _planned(1, "Epochs with clamped activations.", low=0, unit="epochs")
    quantize: int = _planned(3, "Epochs with levels.", low=0, unit="epochs")
    then: tuple[int, int] | None = None
    weights: "LogFormat | None" = None
    log: int = _planned(0, "Epochs with logarithmic weights.", low=0, unit="epochs", shown="cat 2")
    log_rate: float | None = _planned(
        None, "Their peak rate.", low=0, high=10, above=True, below=True, shown="rate / 4"
    )
    rate: float = _planned(
        5e-4, "Peak learning rate.", low=0, high=10, above=True, below=True, shown="0.0005"
    )
    optimizer: str = _planned("adam", "Of the weights.", choices=OPTIMIZERS)
    loss: str = _planned("crossentropy", "What is minimised.", choices=LOSSES)
    distil: float = _planned(
        0.0, "Share of each label that is the CNN's own answer.", low=0, high=1
    )
    batch_size: int = _planned(128, "Samples at once.", low=1, flag="train-batch")
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = _planned(1, "Of order and augmentation.")

    def __post_init__(self) -> None:
        super().__post_init__()
        # Weights can be rounded without any epoch.
        if not self.epochs and self.weights is None:
            raise OptionError(
                f"relu={self.relu}, clamp={self.clamp}, quantize={self.quantize}; allowed: 0 or "
                "more epochs each, 1 or more in all"
            )
        if self.log and (self.weights is None or self.weights.rounding != "log"):
            raise OptionError(
                f"log={self.log!r} with weights={self.weights!r}; epochs with logarithmic weights "
                "need their format, rounded in the logarithmic domain"
            )

    @property
    def final_rate(self) -> float:
        """Peak learning rate of the epochs with logarithmic weights."""
        return self.rate / 4 if self.log_rate is None else self.log_rate

    @property
    def epochs(self) -> int:
        """All epochs with weights as they are."""
        return self.relu + self.clamp + self.quantize + (self.then[1] if self.then else 0)
