"""Record of the data read, with its checks and the choice of samples."""

from dataclasses import dataclass, replace

import numpy as np

from spkeras.errors import DataError

# The sets of keras.datasets that hold numeric arrays; text sets are left out.
KERAS_SETS = "mnist fashion_mnist cifar10 cifar100 boston_housing california_housing".split()
ALLOWED = (
    "Give an .npz, .npy or .csv file, a folder with one folder of images per class, 'digits', or the name of "
    f"a keras.datasets set ({', '.join(KERAS_SETS)})."
)


@dataclass(frozen=True, eq=False)
class Data:
    """Samples of one part of a data set.

    Attributes:
        x: One array (samples, ...) per input of a network.
        y: Labels or targets (samples, ...); a tuple of them for several outputs; None where
            the data have none.
        name: Name of the data in messages.
        notes: Sentences for the user.
        part: The part that was read, "train" or "test"; "" where the data have only one.
    """

    x: tuple[np.ndarray, ...]
    y: np.ndarray | tuple[np.ndarray, ...] | None
    name: str
    notes: tuple[str, ...] = ()
    part: str = ""

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.x[0])

    def some(self, most: int) -> "Data":
        """Return up to `most` of the samples, chosen at random with a fixed seed."""
        rows = np.random.default_rng(0).permutation(self.samples)[:most]
        y = tuple(a[rows] for a in self.y) if isinstance(self.y, tuple) else self.y
        if isinstance(y, np.ndarray):
            y = y[rows]
        return replace(self, x=tuple(a[rows] for a in self.x), y=y)

    @property
    def arrays(self) -> list[np.ndarray]:
        """All samples, then all labels."""
        labels = self.y if isinstance(self.y, tuple) else (self.y,)
        return [*self.x, *(array for array in labels if array is not None)]

    @property
    def inputs(self) -> np.ndarray | list[np.ndarray]:
        """Samples in the form Keras takes: an array, or a list of arrays for several inputs."""
        return self.x[0] if len(self.x) == 1 else list(self.x)


def other(part: str) -> str:
    """Return the part that is used where a data set lacks the given one."""
    return "test" if part == "train" else "train"


def fallback_note(name: str, part: str, taken: str) -> tuple[str, ...]:
    """Return a note for the user if the other part was used; else nothing."""
    if taken != other(part):
        return ()
    trained = (
        "; figures on samples that trained or calibrated are too good" if part == "test" else ""
    )
    return (f"{name}: has no {part} part, the {taken} part is used instead{trained}",)


def checked(data: Data) -> Data:
    """Return the same data; refuse empty, unequally long, non-numeric or non-finite arrays."""
    labels = data.y if isinstance(data.y, tuple) else () if data.y is None else (data.y,)
    for what, arrays in (("x", data.x), ("y", labels)):
        for a in arrays:
            if a.dtype.kind not in "biuf":
                raise DataError(f"{data.name}: {what} holds {a.dtype}; allowed: numbers")
            if not a.ndim or len(a) != data.samples:
                raise DataError(
                    f"{data.name}: {what} has shape {a.shape}, the first input "
                    f"{data.x[0].shape}; give as many labels and inputs as samples"
                )
            _refuse_nan(data.name, what, a)
    if not data.samples:
        raise DataError(f"{data.name}: holds no sample; give at least one, better hundreds")
    return data


def _refuse_nan(name: str, what: str, a: np.ndarray) -> None:
    if a.dtype.kind != "f" or np.isfinite(a).all():
        return
    bad = ~np.isfinite(a).reshape(len(a), -1).all(axis=1)
    raise DataError(
        f"{name}: {what} holds NaN or infinity in {int(bad.sum())} of {len(a)} samples "
        f"(first: sample {int(bad.argmax())}); leave them out or repair them"
    )
