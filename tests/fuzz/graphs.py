"""Graphs of NIR as plain values: whole ones, changed ones, and their files, by h5py only."""

import json
from copy import deepcopy

import h5py
import numpy as np

from tests.fuzz import mutate

# Types of NIR, those that no network of spkeras has among them.
KINDS = (
    *("Input", "Output", "Conv1d", "Conv2d", "Affine", "Linear", "Scale", "SumPool2d", "AvgPool2d"),
    *("Flatten", "IF", "LIF", "CubaLI", "Delay", "Threshold", "NIRGraph", "", "../x", "\x1b[31m"),
)
NAMES = ("", "/", "..", ":start", "x" * 3000, "a b", "n0001", "spike_loop", "\x1b[31m", "\u00e9")
NUMBERS = (0, 1, -1, 2, 3, 7, 64, 1 << 20, 1 << 31, 1 << 62, 0.5, 1e308, -1e-320, np.nan, np.inf)


def _draw(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype("f4")


def _neurons(*shape, **about):
    ones = np.ones(shape, "f4")
    fields = {"r": ones, "v_threshold": ones, "v_reset": 0 * ones}
    return {"type": "IF", **fields, "metadata": {"reset": "subtract", **about}}


def _conv(weight, shape, **fields):
    given = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1, **fields}
    own = {name: np.array(value) for name, value in given.items()}
    kind = f"Conv{weight.ndim - 2}d"
    bias = np.zeros(len(weight), "f4")
    return {"type": kind, "weight": weight, "bias": bias, "input_shape": np.array(shape), **own}


def _affine(outputs, inputs):
    return {"type": "Affine", "weight": _draw(outputs, inputs), "bias": np.zeros(outputs, "f4")}


def _ends(kind, *shape, **about):
    return {"type": kind, "shape": np.array(shape), "metadata": about}


def _chain(nodes, **metadata):
    names = list(nodes)
    return {
        "nodes": nodes,
        "edges": list(zip(names, names[1:], strict=False)),
        "metadata": metadata,
    }


def _image():
    """An image and the channel of initial potentials, as `spkeras export` writes them."""
    picked = np.zeros((2, 3, 1, 1), "f4")
    picked[[0, 1], [0, 1]] = 1
    pulse = np.zeros((4, 3, 3, 3), "f4")
    pulse[:, 2, 0, 0] = 0.5
    nodes = {
        "n0": _ends("Input", 3, 6, 6, encoding="constant", scale=np.float32(2)),
        "n1": {**_conv(picked, (6, 6)), "metadata": {"role": "image", "name": "in:image"}},
        "n2": _conv(_draw(4, 2, 3, 3), (6, 6)),
        "n3": _neurons(4, 4, 4, name="relu"),
        "n4": {"type": "SumPool2d", **dict.fromkeys(("kernel_size", "stride"), np.array([2, 2]))},
        "n5": {"type": "Flatten", "start_dim": np.int64(0), "end_dim": np.int64(-1)},
        "n6": _affine(3, 16),
        "n7": _ends("Output", 3, scale=np.float32(2), offset=np.ones(3, "f4")),
    }
    graph = _chain(nodes, timesteps=np.int64(4), name="image", layout="channels first")
    graph["nodes"]["n8"] = {**_conv(pulse, (6, 6)), "metadata": {"role": "pulse"}}
    graph["edges"] += [("n0", "n8"), ("n8", "n3")]
    return graph


def _several():
    """Two inputs, sums, a scale and a convolution along one axis, as other tools write them."""
    nodes = {
        "a": _ends("Input", 8, 2),
        "conv": _conv(_draw(3, 8, 3), (2,), stride=1, padding=1, dilation=1),
        "one": {"type": "IF", **dict.fromkeys(("r", "v_threshold"), np.ones((3, 2), "f4"))},
        "flat": {"type": "Flatten", "start_dim": np.int64(0), "end_dim": np.int64(-1)},
        "two": {"type": "Scale", "scale": np.full(6, 0.5, "f4")},
        "three": _neurons(6),
        "out": _ends("Output", 6),
    }
    graph = _chain(nodes)
    graph["nodes"]["b"] = _ends("Input", 4)
    graph["nodes"]["linear"] = {"type": "Linear", "weight": _draw(6, 4)}
    graph["edges"] += [("b", "linear"), ("linear", "three"), ("flat", "three")]
    return graph


def _integers():
    """A network of whole numbers."""
    form = {"weight_bits": 8, "threshold_bits": 10, "membrane_bits": 20, "input_bits": 8}
    text = json.dumps({**form, "overflow": "wrap", "per_channel": True})
    nodes = {
        "a": _ends("Input", 4, encoding="regular"),
        "b": {**_affine(5, 4), "weight": np.rint(9 * _draw(5, 4))},
        "c": _neurons(5, unit=np.full(5, 0.25), name="layer"),
        "d": {**_affine(2, 5), "weight": np.rint(9 * _draw(2, 5))},
        "e": _ends("Output", 2, unit=np.float64(0.5)),
    }
    return _chain(nodes, integers=text, timesteps=np.int64(3))


WHOLE = (_image(), _several(), _integers())


def changed(random, graph):
    """Returns a copy with other nodes, edges or fields."""
    graph = deepcopy(graph)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        random.choice((_node, _edge, _field, _field, _field, _about, _many))(random, graph)
    return graph


def _node(random, graph):
    nodes, kind = graph["nodes"], random.randrange(4)
    if not nodes:
        return
    name = random.choice(list(nodes))
    if kind == 0:
        nodes[name]["type"] = random.choice(KINDS)
    elif kind == 1:
        del nodes[name]
    elif kind == 2:
        nodes[f"{name}2"] = deepcopy(nodes[name])
        graph["edges"] += [(f"{name}2" if a == name else a, b) for a, b in graph["edges"]]
    else:
        other = random.choice(list(nodes))
        nodes[name], nodes[other] = nodes[other], nodes[name]


def _edge(random, graph):
    edges, names = graph["edges"], [*graph["nodes"], "none"]
    if random.random() < 0.3 and edges:
        edges.pop(random.randrange(len(edges)))
    else:
        edges.append((random.choice(names), random.choice(names)))


def _field(random, graph):
    if not graph["nodes"]:
        return
    node = graph["nodes"][random.choice(list(graph["nodes"]))]
    name = random.choice([key for key in node if key not in ("type", "metadata")] or ["weight"])
    kind = random.randrange(4)
    if kind == 0:
        node.pop(name, None)
    elif kind == 1:
        old = np.asarray(node.get(name, 1))
        value = random.choice(NUMBERS)
        node[name] = np.full(random.choice((old.shape, (), (1,), (2,))), value)
    elif kind == 2:
        node[name] = random.choice(("valid", "same", "x", "x" * 5000))
    else:
        node[name] = mutate.odd_array(random, node.get(name, 1))


def _about(random, graph):
    holder = random.choice((graph, *graph["nodes"].values()))
    metadata = holder.setdefault("metadata", {})
    keys = ("name", "reset", "role", "tie", "scale", "offset", "unit", "step", "groups")
    key = random.choice((*keys, "encoding", "timesteps", "integers", *metadata))
    texts = ("image", "pulse", "zero", "regular", "{}", "[" * 3000, "NaN", *NAMES)
    old = metadata.get(key)
    if key == "integers" and old and random.random() < 0.7:
        metadata[key] = json.dumps(mutate.in_tree(random, json.loads(old)))
    else:
        numbers = np.full(random.choice(((), (1,), (3,), (2, 2))), random.choice(NUMBERS))
        metadata[key] = random.choice((numbers, random.choice(texts)))


def _many(random, graph):
    """Many nodes in a row, or beside each other."""
    nodes, names = graph["nodes"], list(graph["nodes"])
    if not names or random.random() < 0.7:
        return
    last = random.choice(names)
    for index in range(random.choice((3, 30, 100))):
        name = f"m{index}"
        nodes[name] = {"type": "Scale", "scale": np.float32(2)}
        graph["edges"].append((last, name))
        last = name if random.random() < 0.8 else last


def write(into, graph):
    """Writes a graph as the package nir does."""
    with h5py.File(into, "w") as file:
        group = file.create_group("node")
        _put(group, {"type": "NIRGraph", "metadata": graph["metadata"]})
        nodes = group.create_group("nodes")
        for name, node in graph["nodes"].items():
            _put(nodes.create_group(name), node)
        ends = np.array(graph["edges"], dtype=h5py.string_dtype())
        group.create_dataset("edges", data=ends.reshape(-1, 2))


def _put(group, record):
    for name, value in record.items():
        if isinstance(value, dict):
            _put(group.create_group(name), value)
        else:
            group[name] = value
