"""NIR files: run by an independent runner, read back, and refused where NIR has no words."""

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.errors import ExportError, OptionError
from tests.exchange import nir_runner
from tests.exchange.nets import images, mixed, rounded, several, signal, spiking, vector
from tests.stepping import every_step

pytest.importorskip("nir")
T = 8


def counts_of(snn, x):
    return {name: train.sum(axis=0) for name, train in every_step(snn, x).items()}


def assert_runs_alike(snn, path, x, **options):
    """The independent runner sends as many spikes from each neuron."""
    wanted = counts_of(snn, x)
    outputs = snn.predict(x, verbose=0)
    assert sum(counts.sum() for counts in wanted.values()) > 0
    scale = snn.layers[-1].graph.of("readout")[0].arrays.get("scale", 1.0)
    for row, sample in enumerate(zip(*(x if isinstance(x, list) else [x]), strict=True)):
        found, output = nir_runner.run(path, nir_runner.steps(path, sample, T), **options)
        assert list(found) == list(wanted)
        for name, counts in found.items():
            np.testing.assert_array_equal(counts, np.moveaxis(wanted[name][row], -1, 0), name)
        np.testing.assert_allclose(output * scale, outputs[row], atol=1e-5)


def assert_round_trip(snn, path, x):
    back = spkeras.from_nir(path)
    found, wanted = counts_of(back, x), counts_of(snn, x)
    assert list(found) == list(wanted)
    for name, counts in wanted.items():
        np.testing.assert_array_equal(found[name], counts, name)
    np.testing.assert_array_equal(back.predict(x, verbose=0), snn.predict(x, verbose=0))
    return back


@pytest.fixture(scope="module")
def network():
    """A network with every kind of layer, its potentials corrected one by one, and samples."""
    cnn = mixed()
    return spiking(cnn, timesteps=T, correction="advanced"), images(cnn, 2)


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (signal, {}),
        (signal, {"reset": "zero"}),
        (vector, {"initial_potential": 0.0}),
        (vector, {"input_encoding": "constant", "correction": "advanced"}),
        (several, {"correction": "advanced"}),
    ],
)
def test_a_strict_runner_sends_the_same_spikes(tmp_path, model, options):
    cnn = model()
    snn, x = spiking(cnn, timesteps=T, **options), images(cnn, 2)
    path = tmp_path / "net.nir"
    spkeras.export(snn, path)
    # NIR fires at v > V, spkeras at v >= V: the file has no potential that equals its threshold.
    assert_runs_alike(snn, path, x, strict=True)
    assert_runs_alike(snn, path, x, strict=False)
    assert_round_trip(snn, path, x)


@pytest.mark.parametrize("pools", ["sum", "average", "conv"])
def test_every_layer_and_pools_in_each_form(network, tmp_path, pools):
    snn, x = network
    spkeras.export(snn, tmp_path / "net.nir", pools=pools)
    kinds = {kind for kind, _, _ in nir_runner.read(tmp_path / "net.nir")[0].values()}
    assert (
        kinds & {"SumPool2d", "AvgPool2d"}
        == {
            "sum": {"SumPool2d"},
            "average": {"AvgPool2d"},
            "conv": set(),
        }[pools]
    )
    assert_runs_alike(snn, tmp_path / "net.nir", x)
    assert_round_trip(snn, tmp_path / "net.nir", x)


def test_trained_weights_survive_the_round_trip(tmp_path):
    cnn = signal()
    x = images(cnn, 8)
    snn = spkeras.convert(cnn, x, timesteps=T, stagger=0, insist=True, verbose=0)
    spkeras.export(snn, tmp_path / "net.nir", pools="average")
    back = assert_round_trip(snn, tmp_path / "net.nir", x)
    back.save(tmp_path / "back.keras")
    loaded = keras.models.load_model(tmp_path / "back.keras")
    spkeras.export(loaded, tmp_path / "again.nir", pools="average")
    assert_round_trip(snn, tmp_path / "again.nir", x)


def test_the_file_is_valid_for_the_package_nir(tmp_path):
    import nir

    spkeras.export(spiking(signal(), timesteps=T), tmp_path / "net.nir")
    graph = nir.read(tmp_path / "net.nir")
    assert [type(node).__name__ for node in graph.nodes.values()][0] == "Input"
    assert graph.metadata["dt"] == 1 and graph.metadata["layout"] == "channels first"
    neurons = [node for node in graph.nodes.values() if isinstance(node, nir.IF)]
    assert {node.metadata["reset"] for node in neurons} == {"subtract"}


def test_all_that_nir_cannot_say_is_one_error(tmp_path):
    cnn = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(2, name="maxima"),
            layers.Conv2D(4, 2, activation="tanh", name="both_signs"),
            layers.UpSampling2D(2, name="larger"),
            layers.Flatten(),
            layers.Dense(3, activation="sigmoid", name="end"),
        ]
    )
    snn = spkeras.convert(cnn, images(cnn, 20), timesteps=T, insist=True, verbose=0)
    for loss in (False, True):
        with pytest.raises(ExportError) as error:
            spkeras.export(snn, tmp_path / "net.nir", allow_loss=loss)
        text = str(error.value)
        assert all(name in text for name in ("maxima", "both_signs", "larger"))
        assert ("sigmoid" in text) != loss
    assert not list(tmp_path.iterdir())


def test_a_start_delay_is_left_out_on_request_and_measured(tmp_path):
    cnn = vector()
    x = images(cnn, 40)
    y = cnn.predict(x, verbose=0).argmax(axis=1)
    snn = spkeras.convert(cnn, x, timesteps=T, stagger=2, insist=True, verbose=0)
    with pytest.raises(ExportError, match="stagger=2: .*NIR has no start step"):
        spkeras.export(snn, tmp_path / "net.nir")
    found = spkeras.export(snn, tmp_path / "net.nir", allow_loss=True, data=x, labels=y)
    assert found.left_out[0].startswith("stagger=2")
    without = spkeras.configure(snn, stagger=0)
    assert found.after == spkeras.evaluate(without, x, y, verbose=0).accuracy[-1]
    assert found.before is not None and found.to_dict()["path"].endswith("net.nir")
    assert_round_trip(without, tmp_path / "net.nir", x[:4])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"path": "net.txt"}, "allowed: .nir, .npz, .h"),
        ({"pools": "max"}, "pools='max'; allowed: sum, average, conv"),
        ({"check": ["brian"]}, "simulator 'brian'; allowed: sinabs"),
    ],
)
def test_options_out_of_range(tmp_path, arguments, words):
    path = tmp_path / arguments.pop("path", "net.nir")
    with pytest.raises(OptionError, match=words.replace("(", r"\(")):
        spkeras.export(spiking(vector()), path, **arguments)


def test_integer_networks_are_the_same_under_both_comparisons(tmp_path):
    """Whole weights put most potentials on a threshold sooner or later."""
    cnn = vector()
    snn = rounded(spkeras.convert(cnn, images(cnn, 30), timesteps=T, stagger=0, verbose=0), 3)
    x = (images(cnn) > 0.5).astype("float32")
    spkeras.export(snn, tmp_path / "net.nir")
    assert_runs_alike(snn, tmp_path / "net.nir", x, strict=True)


def test_the_target_loses_nothing_on_the_way_out(tmp_path):
    cnn = vector()
    x = images(cnn, 30)
    snn = spkeras.convert(cnn, x, timesteps=T, target="nir", insist=True, verbose=0)
    found = spkeras.export(snn, tmp_path / "net.nir")
    assert (found.left_out, found.channel) == ((), False)
    assert_round_trip(snn, tmp_path / "net.nir", x[:4])
