"""The page of layers is that of the code."""

from pathlib import Path

import keras
import pytest

from spkeras.facade.layer_examples import since
from spkeras.facade.layer_tables import page
from spkeras.frontend.handlers import LAYERS

PAGE = Path(__file__).parents[2] / "docs/layers.md"


def rows():
    lines = PAGE.read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells if len(row) == 6}


@pytest.mark.slow
@pytest.mark.skipif(
    f"Keras {keras.__version__}." not in PAGE.read_text(), reason="another Keras has other options"
)
def test_the_page_is_current():
    assert page() == PAGE.read_text(), "python -m spkeras.facade.layer_tables > docs/layers.md"


def test_each_layer_with_a_handler_is_on_the_page():
    text = PAGE.read_text()
    assert all(f"`{name}`" in text for name in LAYERS if hasattr(keras.layers, name))


def test_what_the_page_says_of_some_functions():
    text = PAGE.read_text()
    assert "| `relu` | neurons | values | yes |" in text
    assert "| `tanh` | signed | values | no |" in text
    assert "| `hard_shrink` | signed | jumps | no |" in text


def test_what_the_page_says_of_some_layers():
    found = rows()
    assert found["Conv2D"][2:] == ["exact", "exact", "yes"]
    assert found["MaxPooling2D"][2:] == ["neurons", "values", "yes"]
    assert found["ELU"][2:] == ["signed", "values", "no"]
    assert found["LayerNormalization"][2:] == ["no", "values", "no"]
    assert found["LSTM"][2:] == ["no", "dense", "no"]
    assert "`return_sequences`" in found["LSTM"][0] and "dropout" not in found["LSTM"][0]


@pytest.mark.parametrize(
    "name, version",
    [
        ("Dense", "1"),
        ("DepthwiseConv2D", "2"),
        ("LayerNormalization", "2"),
        ("RMSNormalization", "3"),
    ],
)
def test_first_version(name, version):
    assert since(name) == version
