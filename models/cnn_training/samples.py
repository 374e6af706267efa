"""Data sets, and batches whose order and augmentation depend on the seed and the epoch only."""

import numpy as np
from numpy.typing import NDArray

from .recipe import Recipe

Images = NDArray[np.uint8] | NDArray[np.float32]
Labels = NDArray[np.integer]
Pair = tuple[Images, Labels]


def read(name: str) -> tuple[Pair, Pair]:
    """Return (x_train, y_train), (x_test, y_test); images with a channel axis, as stored."""
    if name == "digits":
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(y))
        x, y = (x[order].reshape(-1, 8, 8) / 16).astype("float32"), y[order]
        parts = (x[:1297], y[:1297]), (x[1297:], y[1297:])
    elif name.endswith(".npz"):
        with np.load(name) as file:
            parts = (file["x_train"], file["y_train"]), (file["x_test"], file["y_test"])
    else:
        import keras

        parts = getattr(keras.datasets, name).load_data()
    train, test = ((x if x.ndim == 4 else x[..., None], y.reshape(-1)) for x, y in parts)
    return train, test


def scaled(x: Images) -> NDArray[np.float32]:
    """Return images in [0, 1]: stored bytes are divided by 255."""
    floats: NDArray[np.float32] = x.astype("float32")
    floats /= 255 if x.dtype == np.uint8 else 1
    return floats


class Batches:
    """Augmented batches of a training set: `batches.batch(epoch, index)` returns one."""

    def __init__(self, x: Images, y: Labels, recipe: Recipe) -> None:
        edge = ((0, 0), (recipe.shift, recipe.shift), (recipe.shift, recipe.shift), (0, 0))
        self.padded, self.y, self.size = np.pad(x, edge, mode="reflect"), y, x.shape[1]
        self.recipe = recipe
        # Which images start mirrored; each is mirrored in every other epoch from then on.
        self.mirrored = np.random.default_rng([recipe.seed, 0]).random(len(y)) < 0.5

    def __len__(self) -> int:
        """Return the number of batches of one epoch; the rest of the samples is left out."""
        return len(self.y) // self.recipe.batch

    def batch(self, epoch: int, index: int) -> Pair:
        """Return one batch: images, shifted, mirrored and blanked as the recipe says, and labels."""
        order = np.random.default_rng([self.recipe.seed, 1, epoch]).permutation(len(self.y))
        chosen = order[index * self.recipe.batch : (index + 1) * self.recipe.batch]
        rng = np.random.default_rng([self.recipe.seed, 2, epoch, index])
        return self._augmented(chosen, epoch, rng), self.y[chosen]

    def _augmented(self, chosen: Labels, epoch: int, rng: np.random.Generator) -> Images:
        size, corners = self.size, rng.integers(0, 2 * self.recipe.shift + 1, (len(chosen), 2))
        x = np.stack(
            [
                self.padded[i, top : top + size, left : left + size]
                for i, (top, left) in zip(chosen, corners, strict=True)
            ]
        )
        if self.recipe.flips != "none":
            mirrored = rng.random(len(chosen)) < 0.5
            if self.recipe.flips == "alternating":
                mirrored = self.mirrored[chosen] ^ bool(epoch % 2)
            x[mirrored] = x[mirrored, :, ::-1]
        if self.recipe.cutout:
            # DeVries & Taylor 2017; the centre is anywhere, so that the square may end outside.
            half = self.recipe.cutout // 2
            for image, (row, column) in zip(
                x, rng.integers(0, size, (len(chosen), 2)), strict=True
            ):
                image[max(row - half, 0) : row + half, max(column - half, 0) : column + half] = 0
        return x
