"""Training samples in a new order each epoch, shifted, mirrored and noisy."""

from collections.abc import Mapping

import keras
import numpy as np

from spkeras.recipes import Augmentation


class Batches(keras.utils.PyDataset):
    """Batches of augmented samples, determined by seed and epoch, also after a resume.

    Args:
        x: Samples (samples, ...); images (samples, height, width, channels) for shift and flip.
        y: Labels.
        batch_size: Samples at once; a smaller batch at the end is dropped.
        augmentation: Random changes of the samples.
        seed: Seed of order and augmentation.
        weights: Factors of the samples' loss, or None.
    """

    def __init__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        batch_size: int,
        augmentation: Augmentation,
        seed: int,
        weights: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        self.weights = weights
        self.x, self.y, self.augmentation, self.seed = x, y, augmentation, seed
        self.batch_size = min(batch_size, len(x))
        self.enter(0)

    def enter(self, epoch: int) -> None:
        """Begin an epoch."""
        self.epoch = epoch
        self.order = np.random.default_rng((self.seed, epoch)).permutation(len(self.x))

    def __len__(self) -> int:
        return len(self.x) // self.batch_size

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        rng = np.random.default_rng((self.seed, self.epoch, index))
        x = self._moved(self.x[rows].astype("float32", copy=False), rng)
        if self.augmentation.flip:
            mirrored = rng.random(len(x)) < 0.5
            x[mirrored] = x[mirrored, :, ::-1]
        if self.augmentation.noise:
            x += rng.normal(0, self.augmentation.noise, x.shape).astype("float32")
        own = () if self.weights is None else (self.weights[rows].astype("float32"),)
        return (x, self.y[rows], *own)

    def _moved(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        most = self.augmentation.crop_shift
        if not most:
            return x
        moved = np.zeros_like(x)
        height, width = x.shape[1:3]
        for target, image, (dy, dx) in zip(
            moved, x, rng.integers(-most, most + 1, (len(x), 2)), strict=True
        ):
            rows, columns = _overlap(dy, height), _overlap(dx, width)
            target[rows[0], columns[0]] = image[rows[1], columns[1]]
        return moved


def _overlap(step: int, size: int) -> tuple[slice, slice]:
    """Return target and source slices of an axis that is shifted by `step`."""
    return slice(max(step, 0), size + min(step, 0)), slice(max(-step, 0), size - max(step, 0))


class EnterEpoch(keras.callbacks.Callback):
    """Sets the epoch of the batches, which is not 0 after a resume or in a later phase."""

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Enter the epoch."""
        self.batches.enter(epoch)
