"""NIR files of other tools, and damaged or forged ones: one error each, nothing read outside."""

import h5py
import numpy as np
import pytest

import spkeras
from spkeras.errors import ModelFileError, SpkerasError, UnsafeFileError, UnsupportedLayerError
from tests.exchange.nets import images, spiking, vector

pytest.importorskip("nir")


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("nir") / "net.nir"
    spkeras.export(spiking(vector()), path)
    return path.read_bytes()


@pytest.fixture
def file(content, tmp_path):
    path = tmp_path / "net.nir"
    path.write_bytes(content)
    return path


def node_of(opened, kind):
    nodes = opened["node/nodes"]
    return next(group for group in nodes.values() if group["type"][()] == kind.encode())


def replace(group, name, value):
    del group[name]
    group[name] = value


def external(opened):
    opened["node/nodes/stray"] = h5py.ExternalLink("/etc/hostname", "/")


def stored_elsewhere(opened):
    del node_of(opened, "Affine")["weight"]
    node_of(opened, "Affine").create_dataset(
        "weight", (4, 4), "f4", external=[("/etc/hostname", 0, 64)]
    )


def far_too_large(opened):
    del node_of(opened, "Affine")["weight"]
    node_of(opened, "Affine").create_dataset(
        "weight", (1 << 20, 1 << 20), "f4", chunks=(256, 256), compression="gzip"
    )


def recurrent(opened):
    edges = [pair for pair in opened["node/edges"][()]]
    replace(opened["node"], "edges", np.array([*edges, edges[2][::-1]], dtype=object))


def without_edges(opened):
    del opened["node/edges"]


def to_nowhere(opened):
    replace(opened["node"], "edges", np.array([[b"a", b"b"]], dtype=object))


def other_shape(opened):
    replace(node_of(opened, "Affine"), "weight", np.ones((3, 5), "f4"))


def not_finite(opened):
    group = node_of(opened, "Affine")
    replace(group, "weight", np.full(group["weight"].shape, np.nan, "f4"))


def text_for_numbers(opened):
    replace(node_of(opened, "Affine"), "weight", "weights")


def leaky(opened):
    replace(node_of(opened, "IF"), "type", "LIF")


def without_threshold(opened):
    replace(node_of(opened, "IF"), "v_threshold", np.zeros(20, "f4"))


def set_elsewhere(opened):
    replace(node_of(opened, "IF"), "v_reset", np.full(20, 0.5, "f4"))


def no_output(opened):
    nodes = opened["node/nodes"]
    edges = [pair for pair in opened["node/edges"][()] if b"readout" not in pair[1]]
    for name in [name for name in nodes if "readout" in name]:
        del nodes[name]
    replace(opened["node"], "edges", np.array(edges, dtype=object))


def no_input(opened):
    replace(opened["node"], "edges", np.zeros((0, 2), dtype="S1"))
    for name in list(opened["node/nodes"]):
        del opened["node/nodes"][name]


def two_encodings(opened):
    opened["node/nodes"].copy(node_of(opened, "Input"), "z_other")
    opened["node/nodes/z_other/metadata/encoding"][()] = "regular"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (external, UnsafeFileError, "external link"),
        (stored_elsewhere, UnsafeFileError, "has its data in"),
        (far_too_large, UnsafeFileError, "bytes"),
        (recurrent, ModelFileError, "cycle"),
        (without_edges, ModelFileError, "cannot be read as a NIR file"),
        (to_nowhere, ModelFileError, "nodes that are not there"),
        (other_shape, UnsupportedLayerError, "weight of shape"),
        (not_finite, SpkerasError, "NaN or infinity"),
        (text_for_numbers, UnsupportedLayerError, "has no weight"),
        (leaky, UnsupportedLayerError, "LIF"),
        (without_threshold, UnsupportedLayerError, "not positive"),
        (set_elsewhere, UnsupportedLayerError, "v_reset"),
        (no_output, UnsupportedLayerError, "0 nodes of type Output"),
        (no_input, UnsupportedLayerError, "0 nodes of type Input; allowed: 1 or more"),
        (two_encodings, UnsupportedLayerError, "inputs of different encodings; allowed: one"),
    ],
)
def test_bad_files_are_refused_in_one_error(file, change, error, words):
    with h5py.File(file, "r+") as opened:
        change(opened)
    with pytest.raises(error, match=words):
        spkeras.from_nir(file)


def test_files_that_are_none(tmp_path, content):
    for name, bytes_ in (("text", b"hello"), ("cut", content[: len(content) // 2]), ("empty", b"")):
        (tmp_path / name).write_bytes(bytes_)
        with pytest.raises(ModelFileError, match=name):
            spkeras.from_nir(tmp_path / name)
    with pytest.raises(ModelFileError, match="no such file"):
        spkeras.from_nir(tmp_path / "none.nir")


def test_a_file_without_metadata_resets_as_nir_states_or_as_asked(tmp_path):
    import nir

    ones = np.ones(2, "float32")
    nodes = {
        "input": nir.Input({"input": np.array([2])}),
        "twice": nir.Scale(2 * ones),
        "weights": nir.Linear(np.eye(2, dtype="float32") * 0.7),
        "neurons": nir.IF(r=ones, v_threshold=ones),
        "output": nir.Output({"output": np.array([2])}),
    }
    names = list(nodes)
    edges = list(zip(names, names[1:], strict=False))
    nir.write(tmp_path / "net.nir", nir.NIRGraph(nodes=nodes, edges=edges))
    x = np.array([[1.0, 0.5]], "float32")
    # 1.4 and 0.7 a step, 64 steps: all of them; every second one, or 44 of 0.7 * 64.
    zero = spkeras.from_nir(tmp_path / "net.nir").predict(x, verbose=0)
    soft = spkeras.from_nir(tmp_path / "net.nir", reset="subtract").predict(x, verbose=0)
    np.testing.assert_array_equal(zero * 64, [[64, 32]])
    np.testing.assert_array_equal(soft * 64, [[64, 44]])
    with pytest.raises(SpkerasError, match="allowed: subtract, zero"):
        spkeras.from_nir(tmp_path / "net.nir", reset="hard")


def test_what_was_read_runs_as_any_network(file):
    x = images(vector(), 10)
    result = spkeras.evaluate(spkeras.from_nir(file), x, verbose=0)
    assert result.latency == 12
    assert "recipe" in spkeras.summary(spkeras.from_nir(file)).settings
