"""NIR files of other tools, and damaged or forged ones: one error each, nothing read outside."""

import h5py
import numpy as np
import pytest

import spkeras
from spkeras.errors import ModelFileError, SpkerasError, UnsafeFileError, UnsupportedLayerError
from tests.exchange import nir_runner
from tests.exchange.nets import images, spiking, vector
from tests.stepping import every_step

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


def too_many_values(opened):
    """A few bytes, whose neurons would take gigabytes."""
    for name in list(opened["node/nodes"]):
        del opened["node/nodes"][name]
    for name, fields in {
        "a": {"type": "Input", "shape": np.array([1 << 15, 1 << 13])},
        "b": {"type": "IF", "v_threshold": np.float32(1)},
        "c": {"type": "Output"},
    }.items():
        for key, value in fields.items():
            opened[f"node/nodes/{name}/{key}"] = value
    edges = np.array([[b"a", b"b"], [b"b", b"c"]])
    replace(opened["node"], "edges", edges)


def too_wide(opened):
    """A vector of factors, which would become a matrix."""
    too_many_values(opened)
    replace(opened["node/nodes/a"], "shape", np.array([1 << 14]))
    replace(opened["node/nodes/b"], "type", "Scale")
    opened["node/nodes/b/scale"] = np.ones(1 << 14, "f4")


def long_text(opened):
    replace(node_of(opened, "IF"), "type", np.zeros((), "S1000000"))


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
        (too_many_values, ModelFileError, "2.68e.08 values of a sample"),
        (too_wide, UnsupportedLayerError, "a scale of 16384 features; allowed: 8192"),
        (long_text, ModelFileError, "texts of 1000000 bytes; allowed: 4096"),
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


def of_another_tool(path, nodes, edges):
    """A file whose nodes have the metadata that the independent runner reads."""
    import nir

    for name, node in nodes.items():
        node.metadata = {"name": name, "reset": "subtract", "encoding": "constant"}
    nir.write(path, nir.NIRGraph(nodes=nodes, edges=edges))


def some(*shape):
    return (np.random.default_rng(1).integers(-8, 9, shape) / 8).astype("float32")


def flattened(path):
    """A flattened map beside a vector, their sum, its neurons, and neurons that no output reads."""
    import nir

    ones = np.ones(24, "float32")
    kernel = {"weight": some(2, 3, 1, 1), "bias": np.zeros(2, "float32")}
    plain = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
    flat = {"input_type": {"input": np.array([2, 3, 4])}, "start_dim": 0, "end_dim": -1}
    nodes = {
        "a_vector": nir.Input({"input": np.array([5])}),
        "b_image": nir.Input({"input": np.array([3, 3, 4])}),
        "c_conv": nir.Conv2d(input_shape=(3, 4), **plain, **kernel),
        "d_flat": nir.Flatten(**flat),
        "e_alone": nir.IF(r=ones, v_threshold=ones),
        "f_affine": nir.Affine(weight=some(24, 5), bias=np.zeros(24, "float32")),
        "g_both": nir.IF(r=ones, v_threshold=ones),
        "z_output": nir.Output({"output": np.array([24])}),
    }
    edges = [
        ("b_image", "c_conv"),
        ("c_conv", "d_flat"),
        ("d_flat", "e_alone"),
        ("a_vector", "f_affine"),
    ]
    edges += [("f_affine", "g_both"), ("e_alone", "g_both"), ("d_flat", "g_both")]
    of_another_tool(path, nodes, [*edges, ("g_both", "z_output"), ("e_alone", "z_output")])
    with h5py.File(path, "r+") as opened:
        opened["node/nodes"].copy("g_both", "h_unread")
        replace(opened["node/nodes/h_unread/metadata"], "name", "h_unread")
        ends = [*opened["node/edges"][()], (b"g_both", b"h_unread")]
        replace(opened["node"], "edges", np.array(ends, dtype=object))


def test_a_flattened_map_beside_a_vector_keeps_the_order_of_the_file(tmp_path):
    flattened(tmp_path / "net.nir")
    snn = spkeras.configure(spkeras.from_nir(tmp_path / "net.nir"), timesteps=9)
    x = [abs(some(2, 5)), abs(some(2, 3, 4, 3))]
    counts = {name: train.sum(axis=0) for name, train in every_step(snn, x).items()}
    outputs = snn.predict(x, verbose=0)
    for row, sample in enumerate(zip(*x, strict=True)):
        frames = nir_runner.steps(tmp_path / "net.nir", sample, 9)
        found, output = nir_runner.run(tmp_path / "net.nir", frames, strict=False)
        np.testing.assert_allclose(outputs[row], output, atol=1e-6)
        assert found.pop("h_unread").any()
        assert {n: c.sum() for n, c in found.items()} == {
            n: c[row].sum() for n, c in counts.items()
        }
    assert outputs.any()


def test_an_input_that_no_output_reads_is_named(file):
    with h5py.File(file, "r+") as opened:
        opened["node/nodes"].copy(node_of(opened, "Input"), "z_other")
        opened["node/nodes/z_other/metadata/name"][()] = "idle"
    with pytest.raises(UnsupportedLayerError, match="no output depends on input z_other"):
        spkeras.from_nir(file)


def test_what_was_read_runs_as_any_network(file):
    x = images(vector(), 10)
    result = spkeras.evaluate(spkeras.from_nir(file), x, verbose=0)
    assert result.latency == 12
    assert "recipe" in spkeras.summary(spkeras.from_nir(file)).settings
