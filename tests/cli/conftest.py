"""A tiny CNN, its data and its spiking network as files, and a way to run commands."""

import numpy as np
import pytest
from click.testing import CliRunner

from spkeras.cli import main


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="session")
def run():
    """Runs a command line; a traceback fails the test."""

    def invoke(*args):
        result = CliRunner().invoke(main, [str(arg) for arg in args], catch_exceptions=False)
        assert result.exit_code in (0, 1, 2, 130)
        assert "Traceback" not in result.output
        return result

    return invoke


@pytest.fixture(scope="session")
def cnn(folder):
    import keras
    from keras import layers

    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ],
        name="tiny",
    )
    path = folder / "tiny.keras"
    model.save(path)
    return path


@pytest.fixture(scope="session")
def data(folder):
    rng = np.random.default_rng(5)
    x, y = rng.random((20, 6, 6)).astype("float32"), rng.integers(0, 3, 20)
    path = folder / "data.npz"
    np.savez(path, x_train=x, y_train=y, x_test=x, y_test=y)
    return path


@pytest.fixture(scope="session")
def snn(folder, run, cnn, data):
    path = folder / "tiny_snn.keras"
    result = run("convert", cnn, "-o", path, "--data", data, "--timesteps", 4)
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture(scope="session")
def graded(folder, run, cnn, data):
    """The same CNN with graded spikes, all settings left to the recipe."""
    path = folder / "tiny_graded.keras"
    result = run("convert", cnn, "-o", path, "--data", data, "--recipe", "sigma_delta")
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture(scope="session")
def unsupported(folder):
    """A CNN with a layer that no rate-coded network computes."""
    import keras
    from keras import layers

    inputs = keras.Input((6, 6, 1))
    x = layers.Conv2D(2, 3, activation="relu")(inputs)
    x = layers.LayerNormalization(name="in_the_way")(x)
    path = folder / "unsupported.keras"
    keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x))).save(path)
    return path
