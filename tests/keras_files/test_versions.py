"""One network of every version of Keras in every form, and the page that lists them."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from spkeras.keras_files import read_model
from tests.keras_files.files_page import page
from tests.keras_files.handmade import predict
from tests.keras_files.versions import CASES, INPUTS, outputs, write

PAGE = Path(__file__).parents[2] / "docs/files.md"
CODE = """
from keras import Input, Sequential, layers

def build():
    return Sequential([Input((3, 4, 1)), layers.Conv2D(2, 2), layers.Flatten(), layers.Dense(2)])
"""


@pytest.mark.parametrize(("version", "backend", "form"), CASES)
def test_version(tmp_path, version, backend, form):
    path = write(tmp_path, version, backend, form)
    architecture = None
    if form in ("json", "paths"):
        architecture = tmp_path / "plan.json"
    elif form == "model":
        parts = [layers.Conv2D(2, 2), layers.Flatten(), layers.Dense(2)]
        architecture = keras.Sequential([keras.Input((3, 4, 1)), *parts])
    elif form == "code":
        (tmp_path / "net.py").write_text(CODE)
        architecture = f"{tmp_path / 'net.py'}:build"
    loaded = read_model(path, architecture=architecture)
    np.testing.assert_allclose(predict(loaded, INPUTS), outputs(), rtol=1e-4, atol=1e-5)
    assert loaded.writer.split(",")[0].split()[-1][0] == version[0]


def test_the_page_is_current():
    assert page() == PAGE.read_text(), "python -m tests.keras_files.files_page > docs/files.md"
