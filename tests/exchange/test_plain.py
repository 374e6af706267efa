"""Plain arrays: the reader of docs/export.md runs them; C compiles the header; images give back the numbers."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.errors import ExportError, OptionError
from tests.exchange.nets import images, mixed, rounded, several, signal, vector

T = 8
PAGE = Path(__file__).resolve().parents[2] / "docs/export.md"


@pytest.fixture(scope="module")
def reader():
    """`run` of the page; it is short enough to be copied."""
    (block,) = re.findall(r"```python\n(import json\n.*?)```", PAGE.read_text(), re.DOTALL)
    assert sum(bool(line.strip()) for line in block.splitlines()) <= 40
    names = {"np": np}
    exec(block, names)
    return names["run"]


def spiking(cnn, **options):
    x = images(cnn, 20, 1)
    return rounded(spkeras.convert(cnn, x, timesteps=T, insist=True, verbose=0, **options))


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (mixed, {"stagger": 0.5}),
        (signal, {"stagger": 0, "reset": "zero"}),
        (vector, {"stagger": 1}),
        (several, {"stagger": 1}),
    ],
)
def test_the_reader_of_the_page_runs_every_layer(reader, tmp_path, model, options):
    cnn = model()
    snn, x = spiking(cnn, **options), images(cnn, 2)
    spkeras.export(snn, tmp_path / "net.npz")
    samples = zip(*(x if isinstance(x, list) else [x]), strict=True)
    for sample, output in zip(samples, snn.predict(x, verbose=0), strict=True):
        found = reader(str(tmp_path / "net.npz"), *(np.moveaxis(a, -1, 0) for a in sample))
        np.testing.assert_allclose(found, output, atol=1e-5)


def test_the_manifest_states_what_nir_cannot(tmp_path):
    snn = spiking(vector(), stagger=1)
    with pytest.raises(ExportError):
        spkeras.export(snn, tmp_path / "net.nir")
    spkeras.export(snn, tmp_path / "net.npz")
    manifest = json.loads((tmp_path / "net.json").read_text())
    starts = [part["start"] for part in manifest["parts"] if part["kind"] == "neurons"]
    assert starts == [0, 1] and manifest["parts"][-1]["start"] == 2
    with pytest.raises(OptionError, match="allowed: a .nir file"):
        spkeras.export(snn, tmp_path / "net.npz", check=["sinabs"])


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler")
def test_c_reads_back_every_number_of_the_header(tmp_path):
    snn = spiking(vector(), stagger=0)
    spkeras.export(snn, tmp_path / "net.h")
    spkeras.export(snn, tmp_path / "net.npz")
    names = re.findall(r"static const \w+ (\w+)\[", (tmp_path / "net.h").read_text())
    with np.load(tmp_path / "net.npz") as arrays:
        wanted = {key: array.astype(float) for key, array in arrays.items()}
    sums = "\n".join(
        f'for (unsigned i = 0; i < sizeof {n} / sizeof *{n}; i++) printf("%.9g\\n", (double) {n}[i]);'
        for n in names
    )
    source = f'#include <stdio.h>\n#include "net.h"\nint main(void) {{\n{sums}\nreturn 0; }}\n'
    (tmp_path / "main.c").write_text(source)
    command = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "main.c", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    printed = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    values = np.array(printed.split(), float)
    np.testing.assert_array_equal(values, np.concatenate([a.ravel() for a in wanted.values()]))


def test_memory_images_give_back_every_number(tmp_path):
    snn = spiking(vector(), stagger=0)
    spkeras.export(snn, tmp_path / "net.images")
    spkeras.export(snn, tmp_path / "net.npz")
    memories = json.loads((tmp_path / "net.images/manifest.json").read_text())["memories"]
    with np.load(tmp_path / "net.npz") as arrays:
        assert set(memories) == set(arrays)
        for key, memory in memories.items():
            words = (tmp_path / "net.images" / memory["file"]).read_text().split()
            assert len(words) == memory["words"] and {len(word) for word in words} == {8}
            raw = np.array([int(word, 16) for word in words], np.uint32)
            kind = {"int32": np.int32, "float32": np.float32}[memory["format"]]
            found = raw.view(kind).reshape(memory["shape"])
            np.testing.assert_array_equal(found, arrays[key])


def test_reasons_name_the_form_of_the_file(tmp_path):
    cnn = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.MaxPooling2D(2, name="maxima"),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    snn = spkeras.convert(cnn, images(cnn, 20), timesteps=4, insist=True, verbose=0)
    forms = {"npz": "an .npz file", "h": "a C header", "images": "a folder of memory images"}
    for suffix, form in forms.items():
        with pytest.raises(ExportError) as error:
            spkeras.export(snn, tmp_path / f"net.{suffix}")
        reason = f"maxima: max pooling of currents; {form} has no maximum. Use average pooling"
        assert reason in str(error.value) and "NIR" not in str(error.value)
    assert not list(tmp_path.iterdir())
