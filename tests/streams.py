"""Networks and explicit oracles for streams of frames."""

import keras
import numpy as np
from keras import layers

from spkeras.snn.model import build, configure
from tests import networks, oracle, oracle_nodes
from tests.oracle_layers import OPERATIONS

_MADE = {}


def moving():
    """Convolutions, max pooling, a shortcut, a product; weights 0 and +-1 / 2."""
    x = keras.Input((6, 6, 1), name="image")
    y = layers.Conv2D(3, 3, padding="same", activation="relu", name="conv1")(x)
    z = layers.Conv2D(3, 3, padding="same", activation="relu", name="conv2")(y)
    y = layers.Add(name="add")([y, z])
    y = layers.MaxPooling2D(2, name="pool")(layers.ReLU(name="relu")(y))
    y = layers.Multiply(name="product")([y, layers.Conv2D(3, 1, activation="relu", name="gate")(y)])
    y = layers.Dense(4, name="dense")(layers.Flatten(name="flatten")(y))
    model, rng = keras.Model(x, y, name="moving"), np.random.default_rng(3)
    for variable in model.weights:
        variable.assign(rng.integers(-1, 2, variable.shape) / 2)
    return model


def frames(count, batch=3, shape=(6, 6, 1), seed=1):
    """Frames (count, batch, ...) of values k / 4 in [-1, 2]."""
    rng = np.random.default_rng(seed)
    return (rng.integers(-4, 9, (count, batch, *shape)) / 4).astype("float32")


def delta(levels=14, mantissa_bits=1, timesteps=200):
    """(CNN, graph, spiking model) whose arithmetic float32 does without rounding."""
    key = levels, mantissa_bits
    if key not in _MADE:
        model = moving()
        options = {
            "recipe": "sigma_delta",
            "levels": levels,
            "levels_above_scale": 0,
            "mantissa_bits": mantissa_bits,
        }
        graph = networks.spiking(model, **options)
        _MADE[key] = model, graph, build(graph)
    configure(_MADE[key][2], timesteps=timesteps)
    return _MADE[key]


def graded(x, levels, mantissa_bits):
    """The nearest of all spikes there are, ties to the larger; too small ones are none."""
    sizes = [
        2.0**-k * (1 + j / 2**mantissa_bits)
        for k in range(levels + 1)
        for j in range(2**mantissa_bits)
    ]
    sizes = np.array(sorted(size for size in sizes if size <= 1))
    nearest = sizes[::-1][abs(abs(x)[..., None] - sizes[::-1]).argmin(-1)]
    return np.sign(x) * np.where(nearest >= 2.0 ** (1 - levels), nearest, 0)


def respond(node, received):
    """f of what a neuron of the net above has received."""
    if node.attributes["function"] == "multiply":
        return received[0] * received[1]
    pooled = oracle_nodes.pool(node.attributes["pool"], received[0])
    return np.where(pooled > 0, pooled, 0) if node.attributes["function"] == "relu" else pooled


def changes(graph, inputs):
    """For each step's inputs (steps, batch, ...): spikes by neuron, and the output.

    An explicit network of changes in float64; each neuron keeps what it received and sent.
    """
    held, before = {}, 0.0
    for x in inputs:
        values, answer = {}, None
        for node in graph.nodes:
            now = [values[name] for name in node.inputs if name in values]
            if node.op == "input":
                (values[node.name],) = oracle.units(graph, [x - before])
            elif node.op == "neuron":
                starts = [node.arrays.get(f"constant_input{i}", 0.0) for i in range(len(now))]
                *received, sent = held.get(node.name, [*starts, 0.0])
                received = [r + z for r, z in zip(received, now, strict=True)]
                missing = respond(node, received) / node.arrays["threshold"] - sent
                kind = node.attributes["levels"], node.attributes["mantissa_bits"]
                values[node.name] = graded(missing, *kind)
                held[node.name] = [*received, sent + values[node.name]]
            elif node.op == "readout":
                total = held.get(node.name, 0.0) + now[0]
                held[node.name] = total
                scale, offset = (node.arrays.get(k, d) for k, d in (("scale", 1), ("offset", 0)))
                answer = total * scale + offset
            else:
                values[node.name] = OPERATIONS[node.op](node, *now)
        before = x
        yield {node.name: values[node.name] for node in graph.nodes if node.op == "neuron"}, answer


def smooth():
    """A small net of several functions with weights that float32 rounds."""
    keras.utils.set_random_seed(0)
    x = keras.Input((8,))
    y = layers.Dense(12, activation="relu")(x)
    y = layers.Dense(6, activation="swish")(y)
    return keras.Model(x, layers.Dense(3)(y))


# --- rate code: a running simulation ---------------------------------------------------------


def running(graph, trains, stagger):
    """Spikes and what reaches each read-out, (steps, ...), for inputs (steps, batch, ...)."""
    values, spikes, reads = {}, {}, {}
    given = iter(trains)
    for node in graph.nodes:
        now = [values[name] for name in node.inputs if name in values]
        if node.op == "input":
            values[node.name] = next(given) / np.asarray(node.arrays.get("scale", 1.0), float)
        elif node.op == "neuron":
            asleep = node.attributes["depth"] * stagger
            fired, _ = oracle_nodes.spike(node, [train[asleep:] for train in now])
            quiet = np.zeros((asleep, *fired.shape[1:]))
            values[node.name] = spikes[node.name] = np.concatenate([quiet, fired])
        elif node.op == "readout":
            reads[node.name] = now[0], node.attributes["depth"] * stagger
        elif now:
            steps = zip(*now, strict=True)
            values[node.name] = np.array([OPERATIONS[node.op](node, *x) for x in steps])
    return spikes, reads


LENGTHS = (7, 1, 5, 4)
RUNNING = {
    "several": {"neuron": "binary"},
    "residual": {"neuron": "binary", "stagger": 1},
    "pools": {"neuron": "signed_burst"},
    "chain": {"neuron": "binary", "input_encoding": "bernoulli", "seed": 3},
}


def running_case(net):
    """(graph, spiking model, frames: a list of inputs each)."""
    settings = {"stagger": 0, "timesteps": LENGTHS[0], **RUNNING[net]}
    model = getattr(networks, net)()
    graph = networks.spiking(model, neuron=settings.pop("neuron"))
    return (
        graph,
        build(graph, **settings),
        [networks.as_list(networks.samples(model, 2, seed=seed)) for seed in range(len(LENGTHS))],
    )


def wanted_of(graph, loop, shown):
    """By the oracle: spikes of the whole run, and (outputs, number of spikes) of each frame."""
    ends = np.cumsum(LENGTHS)
    trains = []
    for parts in zip(*shown, strict=True):
        codes = [oracle.train(loop.input_encoding, x, ends[-1], loop._draws) for x in parts]
        cut = [code[end - n : end] for code, n, end in zip(codes, LENGTHS, ends, strict=True)]
        trains.append(np.concatenate(cut))
    spikes, reads = running(graph, trains, loop.offset)
    found = []
    for count, end in zip(LENGTHS, ends, strict=True):
        means = {}
        for name, (train, start) in reads.items():
            first = max(start, end - count)
            means[name] = train[first:end].sum(0) / max(end - first, 1)
        number = {name: abs(t[end - count : end]).sum(0) for name, t in spikes.items()}
        number = {name: n.reshape(len(n), -1).sum(1) for name, n in number.items()}
        found.append((oracle._head(graph, means), number))
    return spikes, found
