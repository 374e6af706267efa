"""Networks of whole numbers in NIR files: whole there, equal counts elsewhere, whole again when read."""

import json

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.errors import ExportError, ModelFileError
from spkeras.snn.model import loop_of
from tests.exchange import nir_runner
from tests.exchange.nets import images
from tests.exchange.test_check import require
from tests.exchange.test_nir import assert_round_trip, assert_runs_alike

pytest.importorskip("nir")
T = 8
BITS = {"weight_bits": 5, "threshold_bits": 10}


def pooled():
    """Averages of 3 x 3 before and after weights, a sum with spikes, groups, and a flattened map."""
    keras.utils.set_random_seed(11)
    image = keras.Input((10, 9, 2))
    x = layers.Conv2D(4, 2, padding="same", activation="relu")(image)
    y = layers.Conv2D(4, 3, padding="same", groups=2)(x)
    x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.ReLU()(layers.AveragePooling2D(3)(layers.Conv2D(6, 1)(x)))
    y = layers.Dense(3, activation="relu")(layers.GlobalAveragePooling2D()(x))
    x = layers.Flatten()(layers.Permute((2, 1, 3))(layers.AveragePooling2D((3, 1))(x)))
    x = layers.Dense(7, activation="relu")(layers.Concatenate()([x, y]))
    return keras.Model(image, layers.Dense(4)(x), name="pooled")


def converted(cnn, **options):
    given = {"timesteps": T, "stagger": 0, "input_encoding": "regular", "insist": True, **BITS}
    return spkeras.convert(cnn, images(cnn, 30, 1), verbose=0, **{**given, **options})


@pytest.fixture(scope="module")
def network():
    cnn = pooled()
    return converted(cnn), images(cnn, 3)


@pytest.fixture
def file(network, tmp_path):
    spkeras.export(network[0], tmp_path / "net.nir")
    return tmp_path / "net.nir"


@pytest.mark.parametrize("pools", ["sum", "conv"])
def test_all_numbers_are_whole_and_spikes_equal(network, tmp_path, pools):
    snn, x = network
    path = tmp_path / "net.nir"
    assert spkeras.export(snn, path, pools=pools).left_out == ()
    seen = set()
    for kind, fields, about in nir_runner.read(path)[0].values():
        for name in {"weight", "bias", "v_threshold"} & set(fields):
            # A potential of the first step is k + 1/2, so that none equals its threshold.
            scale = 2 if about.get("role") == b"pulse" else 1
            assert not (fields[name] * scale % 1).any(), (about["name"], name)
            seen.add((kind, name))
    assert {("Conv2d", "weight"), ("Affine", "bias"), ("IF", "v_threshold")} <= seen
    # Potentials that equal a threshold are as frequent as others here.
    assert_runs_alike(snn, path, x, strict=True)
    assert_runs_alike(snn, path, x, strict=False)
    back = assert_round_trip(snn, path, x)
    first, second = (loop_of(model).graph.integers for model in (snn, back))
    widths = ("weight_bits", "threshold_bits", "membrane_bits", "input_bits", "overflow")
    assert [getattr(first, name) for name in widths] == [getattr(second, name) for name in widths]
    for name, unit in first.units.items():
        np.testing.assert_array_equal(np.broadcast_to(second.units[name], unit.shape), unit, name)


def test_the_bit_true_engine_runs_what_was_read(network, file):
    """On a constant current, which it rounds as the network that was written."""
    snn, x = network
    found, wanted = (
        spkeras.evaluate(model, x, input_encoding="constant", verbose=0)
        for model in (spkeras.from_nir(file), snn)
    )
    assert found.engine == wanted.engine == "integers"
    assert found.activity.spikes_per_neuron == wanted.activity.spikes_per_neuron > 0
    for name, spikes in wanted.layer_spikes.items():
        np.testing.assert_array_equal(found.layer_spikes[name], spikes, name)


def test_weights_of_few_bits_keep_their_codes(tmp_path):
    cnn, path = pooled(), tmp_path / "net.nir"
    snn = converted(cnn, weight_bits=4, threshold_bits=None, input_encoding="constant")
    assert spkeras.export(snn, path).left_out == ()
    graph, back = loop_of(snn).graph, loop_of(assert_round_trip(snn, path, images(cnn, 2))).graph
    assert (back.integers.weight_bits, back.integers.is_whole) == (4, False)
    assert len(graph.integers.steps) > 4 and set(graph.integers.steps) == set(back.integers.steps)
    for name in graph.integers.steps:
        # An uneven padding adds zeros to a kernel.
        codes, found = (
            np.sort(c[c != 0]) for c in (g.integers.codes(g[name]) for g in (graph, back))
        )
        np.testing.assert_array_equal(found, codes, name)
    with h5py.File(path, "r+") as opened:
        half(opened["node/nodes"])
    with pytest.raises(ModelFileError, match="weight beyond 4 bits"):
        spkeras.from_nir(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sinabs", "snntorch", "norse"])
def test_a_simulator_sends_the_same_spikes(network, tmp_path, name):
    require(name)
    snn, x = network
    found = spkeras.export(snn, tmp_path / "net.nir", pools="conv", data=x, check=[name])
    (comparison,) = found.comparisons
    assert comparison.refused == "" and comparison.spikes > 0
    assert comparison.equal and comparison.decisions == 1 and comparison.largest < 1e-5


def test_rounded_currents_and_averages_are_no_nir(network, tmp_path):
    cnn = pooled()
    snn, path = converted(cnn, input_encoding="constant"), tmp_path / "net.nir"
    with pytest.raises(
        ExportError, match="constant currents are rounded.*--input-encoding regular"
    ):
        spkeras.export(snn, path)
    with pytest.raises(ExportError, match="averages of whole numbers are none; choose pools"):
        spkeras.export(network[0], path, pools="average")
    assert not list(tmp_path.iterdir())
    found = spkeras.export(snn, path, allow_loss=True)
    assert "rounded once a sample" in found.left_out[0]
    assert loop_of(spkeras.from_nir(path)).graph.integers is None
    chosen = converted(cnn, input_encoding=None, target="nir")
    assert spkeras.export(chosen, path).left_out == ()


def test_the_manifest_states_widths_and_units(network, tmp_path):
    spkeras.export(network[0], tmp_path / "net.npz")
    manifest = json.loads((tmp_path / "net.json").read_text())
    assert manifest["integers"]["threshold_bits"] == 10
    neurons = next(part for part in manifest["parts"] if part["kind"] == "neurons")
    with np.load(tmp_path / "net.npz") as arrays:
        assert (arrays[neurons["arrays"]["unit"]] > 0).all()
        assert not (arrays[neurons["arrays"]["initial"]] % 1).any()


def half(nodes):
    weights = [g for g in nodes.values() if "weight" in g and "role" not in g["metadata"]]
    weights[-1]["weight"][...] = 0.5


def too_wide(nodes):
    next(group for group in nodes.values() if "v_threshold" in group)["v_threshold"][...] = 4096


def negative_unit(nodes):
    group = next(group for group in nodes.values() if "v_threshold" in group)
    group["metadata/unit"][...] = -1


def stated(text):
    def change(nodes):
        metadata = nodes.parent["metadata"]
        del metadata["integers"]
        metadata["integers"] = text

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (half, "weight beyond the whole numbers"),
        (too_wide, "threshold beyond the whole numbers to 1023"),
        (negative_unit, "unit; allowed: positive numbers"),
        (stated("{"), "integers={; allowed: weight_bits"),
        (stated('{"weight_bits": 99}'), "allowed: weight_bits"),
        (stated("[" * 3000), "allowed: weight_bits"),
    ],
)
def test_a_file_that_is_not_as_whole_as_it_states(file, change, words):
    with h5py.File(file, "r+") as opened:
        change(opened["node/nodes"])
    with pytest.raises(ModelFileError, match=words):
        spkeras.from_nir(file)
