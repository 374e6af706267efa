"""Graphs as records: order, readers, copies, and the way through JSON."""

import json

import numpy as np
import pytest

from spkeras.errors import GraphError, WeightsError
from spkeras.graph import Graph, Node, from_structure, structure
from spkeras.graph.finite import check_arrays, check_finite
from spkeras.graph.operations import OPERATIONS
from spkeras.graph.original import Original
from tests.graph.nodes import dense, merged, relu, source


def diamond():
    """x - a - (b, c) - add - end, and a node that no output depends on."""
    x = source((3,))
    a = dense(x, 4, "a")
    b, c = relu(a, "b"), dense(a, 4, "c")
    add = merged("add", b, c, name="add")
    return Graph("net", (x, a, b, c, add, dense(add, 2, "end"), relu(a, "left")), ("end",))


def test_nodes_of_a_kind_and_their_readers():
    graph = diamond()
    assert [node.name for node in graph.of("dense")] == ["a", "c", "end"]
    assert [node.name for node in graph.consumers["a"]] == ["b", "c", "left"]
    assert graph.sole_consumer("b").name == "add" and graph.sole_consumer("a") is None
    assert graph.sole_consumer("end") is None and graph.sole_consumer("left") is None
    output = Graph("net", graph.nodes, ("b", "end"))
    assert output.sole_consumer("b") is None, "an output is read by the caller"
    assert isinstance(Graph("net", list(graph.nodes), ["end"]).outputs, tuple)
    assert isinstance(Graph("net", list(graph.nodes), ["end"]).nodes, tuple)


def test_what_a_node_depends_on():
    graph = diamond()
    assert graph.before("c") == {"c", "a", "x"}
    assert graph.before("end") == {"end", "add", "b", "c", "a", "x"}
    assert graph.before("x") == {"x"}
    assert [node.name for node in graph.pruned().nodes] == ["x", "a", "b", "c", "add", "end"]
    short = Graph("net", graph.nodes[:1], ())
    assert short.pruned().nodes == short.nodes, "inputs are kept"


def test_drive_body_and_head():
    """x - a - n - (b, add), with add reading a too, then a read-out and a softmax-like end."""
    x = source((3,))
    a = dense(x, 3, "a")
    plain = {**dict.fromkeys(OPERATIONS["neuron"].attributes), "function": "linear"}
    n = Node("n", "neuron", ("a",), (3,), plain, {"threshold": np.ones(())})
    b = dense(n, 3, "b")
    add = merged("add", b, a, name="add")
    out = Node("out", "readout", ("add",), (3,), {"depth": 1, "spike_code": "rate"})
    side = Node("side", "readout", ("a",), (3,), {"depth": 0, "spike_code": "rate"})
    graph = Graph("net", (x, a, n, b, add, out, side, relu(out, "end")), ("end", "side"))
    assert graph.drive == {"x", "a"} and graph.body == {"n", "b", "add"}
    assert graph.head == {"out", "side", "end"}
    assert graph.after(["x"], until=("neuron", "readout")) == {"x", "a", "add"}
    assert graph.after(["n"]) == {"n", "b", "add", "out", "end"}


def test_a_node_is_taken_out_and_its_readers_read_its_input():
    graph = diamond()
    found = Graph("net", graph.nodes, ("b", "end")).without("b")
    assert found["add"].inputs == ("a", "c") and found.outputs == ("a", "end")
    assert "b" not in found.by_name and len(found.nodes) == len(graph.nodes) - 1


def test_copies_keep_the_rest():
    graph = diamond().with_settings(recipe="ecc").with_nodes(diamond().nodes, notes=["one"])
    changed = graph.updated({"b": relu(graph["a"], "b")}, notes=["two"])
    assert changed.notes == ("one", "two") and changed.settings == {"recipe": "ecc"}
    assert changed.with_settings(t=4).settings == {"recipe": "ecc", "t": 4}
    assert changed["b"] is not graph["b"] and changed["c"] is graph["c"]


@pytest.mark.parametrize(
    "nodes, outputs",
    [
        (lambda x, a: (x, a, dense(x, 2, "a")), ("a",)),
        (lambda x, a: (a, x), ("a",)),
        (lambda x, a: (x, a), ("b",)),
        (lambda x, a: (x, dense(dense(x, 2, "gone"), 2, "a")), ("a",)),
    ],
)
def test_graphs_that_cannot_be_computed_are_refused(nodes, outputs):
    x = source((3,))
    with pytest.raises(GraphError):
        Graph("net", nodes(x, dense(x, 2, "a")), outputs)


def test_a_graph_passes_through_json():
    graph = diamond().with_settings(window=(1, (2, 3)), name="x")
    graph = graph.with_nodes(graph.nodes, notes=["a note"])
    data = json.loads(json.dumps(structure(graph)))
    arrays = {node.name: dict(node.arrays) for node in graph.nodes}
    again = from_structure(data, arrays)
    assert structure(again) == structure(graph)
    assert again.settings["window"] == (1, (2, 3)) and again.notes == ("a note",)
    for node in graph.nodes:
        assert again[node.name].attributes == node.attributes
        for name, array in node.arrays.items():
            np.testing.assert_array_equal(again[node.name].arrays[name], array)
    assert again.originals is None
    changed = graph.updated({"a": graph["a"].with_arrays(bias=np.ones(4, "float32"))})
    kept = changed.keeping(graph)
    other = from_structure(json.loads(json.dumps(structure(kept))))
    assert set(other.originals) == {"a"} and other.originals["a"].arrays["bias"] is None
    heavy = graph.updated({"a": graph["a"].with_arrays(kernel=np.full((3, 4), 2.0))})
    other = from_structure(json.loads(json.dumps(structure(heavy.keeping(graph)))))
    assert other.originals["a"].arrays["kernel"].tolist() == np.zeros((3, 4)).tolist()
    empty = from_structure(data)
    assert empty["a"].arrays["kernel"].shape == (3, 4) and not empty["a"].arrays["kernel"].any()


def test_other_structures_are_refused():
    data = structure(diamond())
    assert data["schema"] == 3
    former = {**data, "schema": 1, "settings": {"alpha": 0.5, "spike_code": "rate", "own": 1}}
    found = from_structure(former).settings
    assert found == {"initial_potential": 0.5, "spike_code": "rate", "own": 1}
    with pytest.raises(GraphError, match="schema"):
        from_structure({**data, "schema": 99})
    with pytest.raises(GraphError, match="'a'.*kernel.*another shape"):
        from_structure(data, {"a": {"kernel": np.ones((4, 3), "float32")}})


@pytest.mark.parametrize(
    "op, inputs, attributes, arrays",
    [
        ("nothing", ("x",), {}, {}),
        ("dense", ("x",), {}, {}),
        ("dense", ("x",), {}, {"kernel": np.ones((3, 2)), "slope": np.ones(2)}),
        ("dense", ("x", "x"), {}, {"kernel": np.ones((3, 2))}),
        ("dense", (), {}, {"kernel": np.ones((3, 2))}),
        ("input", ("x",), {"dtype": "float32"}, {}),
        ("input", (), {}, {}),
        ("add", (), {}, {}),
        ("add", ("x",), {}, {}),
        ("function", (), {"function": "power", "exponent": 2.0}, {}),
        ("function", ("x",), {"function": "power"}, {}),
        (
            "conv",
            ("x",),
            {"padding": "same", "dilation": (1,), "groups": 1},
            {"kernel": np.ones((3, 2, 2))},
        ),
        ("permute", ("x",), {}, {}),
        ("activation", ("x",), {"function": "relu"}, {}),
    ],
)
def test_nodes_that_are_not_whole_are_refused(op, inputs, attributes, arrays):
    with pytest.raises(GraphError, match="node 'n'"):
        Node("n", op, inputs, (2,), attributes, arrays)


def test_arrays_of_a_node_are_its_own_and_read_only():
    kernel = np.ones((3, 2))
    node = Node("n", "dense", ["x"], [np.int64(2)], {}, {"kernel": kernel})
    kernel[:] = 5
    assert (node.arrays["kernel"] == 1).all() and node.shape == (2,) and node.inputs == ("x",)
    with pytest.raises(ValueError, match="read-only"):
        node.arrays["kernel"][0] = 2
    with pytest.raises(TypeError):
        node.arrays["bias"] = kernel
    with pytest.raises(TypeError):
        node.attributes["a"] = 1
    changed = node.with_arrays(bias=np.zeros(2))
    assert changed.array("bias").tolist() == [0, 0] and node.array("bias") is None
    assert set(changed.with_arrays(bias=None).arrays) == {"kernel"}
    assert node.operation.linear and not relu(source((3,)), "r").operation.linear


def test_originals_turn_a_node_back():
    before = dense(source((3,)), 2, "d").with_arrays(bias=np.ones(2))
    after = before.with_arrays(kernel=np.full((3, 2), 7.0), bias=None)
    assert Original.of(before, before) is None
    original = Original.of(before, after)
    assert set(original.arrays) == {"kernel", "bias"}
    back = original.applied(after)
    for name in ("kernel", "bias"):
        np.testing.assert_array_equal(back.arrays[name], before.arrays[name])
    added = Original.of(after, before)
    assert added.arrays["bias"] is None and added.applied(before).array("bias") is None
    with pytest.raises(TypeError):
        original.arrays["bias"] = None
    with pytest.raises(TypeError):
        original.attributes["bias"] = None
    with pytest.raises(ValueError, match="read-only"):
        original.arrays["kernel"][0] = 0
    other = original.with_arrays({"kernel": np.zeros((3, 2))})
    assert not other.arrays["kernel"].any() and other.arrays["bias"] is not None
    for other in (np.ones((4, 2)), np.array([[1, 1], [1, 2], [1, 1]]), np.ones((1, 2))):
        assert set(Original.of(before, before.with_arrays(kernel=other)).arrays) == {"kernel"}
    attributes, arrays = {"a": 1}, {"bias": np.ones(2)}
    own = Original(attributes, arrays)
    attributes["a"], arrays["bias"][0] = 2, 5
    assert own.attributes == {"a": 1} and own.arrays["bias"].tolist() == [1, 1]
    with pytest.raises(TypeError):
        own.attributes["a"] = 3
    named = relu(source((3,)), "r")
    assert (
        Original.of(named, named.with_attributes(max_value=6.0))
        .applied(named.with_attributes(max_value=6.0))
        .attributes
        == named.attributes
    )


def test_graphs_keep_what_they_were():
    graph = diamond()
    assert graph.originals is None and graph.reference() is not graph
    kernel = np.full((3, 4), 3.0)
    changed = graph.updated({"a": graph["a"].with_arrays(kernel=kernel)})
    kept = changed.keeping(graph)
    assert set(kept.originals) == {"a"}
    again = kept.updated({"a": kept["a"].with_arrays(kernel=2 * kernel)}).keeping(kept)
    for net in (kept, again):
        assert net.reference().originals is None
        np.testing.assert_array_equal(net.reference()["a"].arrays["kernel"], np.ones((3, 4)))
    same = kept.updated({"a": graph["a"]}).keeping(kept)
    assert same.originals == {}


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e39])
def test_arrays_that_are_not_finite_are_named(bad):
    array = np.ones((2, 3))
    check_arrays("the net", [("d, kernel", array)])
    array[1, 2] = array[1, 0] = bad
    with pytest.raises(WeightsError) as error:
        check_arrays(
            "the net", [("c, kernel", np.ones(2)), ("d, kernel", array), ("e, bias", np.array(bad))]
        )
    lines = str(error.value).split("\n  - ")
    assert lines[0].startswith("the net: ")
    assert lines[1:] == ["d, kernel: 2 of 6 values (first at (1, 0))", "e, bias: 1 of 1 values"]


@pytest.mark.parametrize("count", [1, 8, 9, 12])
def test_eight_arrays_are_named_and_the_others_counted(count):
    with pytest.raises(WeightsError) as error:
        check_arrays("the net", [(f"{i}", np.array([np.nan])) for i in range(count)])
    lines = str(error.value).split("\n  - ")[1:]
    assert len(lines) == min(count, 9)
    assert (lines[-1] == f"and {count - 8} more arrays") == (count > 8)


def test_a_layer_is_named_with_the_node_that_a_pass_made_of_it():
    node = dense(source((3,)), 2, "d").with_arrays(kernel=np.full((3, 2), np.nan))
    for name, src, words in (
        ("d", "", "layer d, kernel"),
        ("d", "d", "layer d, kernel"),
        ("d", "conv", "layer conv (d), kernel"),
    ):
        own = Node(name, "dense", ("x",), (2,), {}, node.arrays, src)
        with pytest.raises(WeightsError, match=rf"- {words.replace('(', '.').replace(')', '.')}:"):
            check_finite(Graph("net", (source((3,)), own), ("d",)), "net")


@pytest.mark.parametrize(
    "op, inputs, attributes",
    [
        ("input", (), {"dtype": "float32", "more": 1}),
        ("add", ("x", "y"), {}),
        ("add", ("x", "y", "z"), {}),
        ("function", ("x",), {"function": "power", "exponent": 2.0}),
        ("function", ("x", "y", "z", "w"), {"function": "divide"}),
        ("activation", ("x",), {"function": "sigmoid"}),
    ],
)
def test_nodes_that_are_whole(op, inputs, attributes):
    """Further attributes are allowed; merging takes two inputs or more, functions one or more."""
    node = Node("n", op, inputs, (2,), attributes)
    assert node.inputs == inputs and dict(node.attributes) == attributes
