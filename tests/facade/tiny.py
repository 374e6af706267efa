"""A tiny untrained CNN of three classes, and samples whose labels it mostly decides."""

import keras
import numpy as np
from keras import layers


def net():
    keras.utils.set_random_seed(4)
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ],
        name="tiny",
    )


def labelled(model, count, wrong=0):
    """Samples with the model's decisions as labels; every `wrong`-th of them is another class."""
    x = np.random.default_rng(5).random((count, 6, 6, 1)).astype("float32")
    y = model.predict(x, verbose=0).argmax(1)
    if wrong:
        y[::wrong] = (y[::wrong] + 1) % 3
    return x, y
