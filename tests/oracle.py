"""An independent, slow, float64 simulation of spiking networks: explicit loops over time.

It imports nothing from the library. Single neurons are in `tests.oracle_neurons`. Networks are
records as in `tests.oracle_layers` (anything with `nodes` and `outputs`), whose linear
operations and functions are computed there.
"""

import numpy as np

from tests.oracle_layers import OPERATIONS
from tests.oracle_neurons import fire_after, send_value
from tests.oracle_nodes import GRADED, offsets, response, sender, spike, threshold

# The pseudo-random numbers of Bernoulli coding: element e at step t takes the draw at
# (e * ELEMENT + t * STEP) modulo the number of draws.
ELEMENT, STEP, DRAWS = 40503, 25173, 65536


# --- codes of the input ----------------------------------------------------------------------


def regular_train(x, steps):
    """An accumulator that starts half full and sends a spike whenever it is full: (T, ...)."""
    x = np.clip(np.asarray(x, "float64"), -1, 1)
    level, train = np.full(x.shape, 0.5), []
    for _ in range(steps):
        level = level + x
        up, down = level >= 1, level < 0
        level = level - up + down
        train.append(up.astype("float64") - down)
    return np.array(train)


def bernoulli_train(x, steps, table):
    """A spike wherever the draw is below |x|, for a table of uniform draws: (T, batch, ...)."""
    x, train = np.asarray(x, "float64"), []
    for t in range(steps):
        where = [(e * ELEMENT + t * STEP) % DRAWS for e in range(x[0].size)]
        draw = np.asarray(table, "float64")[where].reshape(x.shape[1:])
        train.append(np.where(draw < abs(x), np.sign(x), 0.0))
    return np.array(train)


def train(coding, x, steps, table=None):
    """What enters at each step."""
    if coding == "constant":
        return np.repeat(np.asarray(x, "float64")[None], steps, 0)
    return regular_train(x, steps) if coding == "regular" else bernoulli_train(x, steps, table)


# --- passes ----------------------------------------------------------------------------------


def fold_batch_norm(kernel, bias, gamma, beta, mean, variance, epsilon):
    """Kernel and bias of convolution and batch norm together; outputs on the last axis."""
    factor = gamma / np.sqrt(variance + epsilon)
    return kernel * factor, (bias - mean) * factor + beta


def normalise(kernel, bias, before, own):
    """Current normalisation: one spike in is `before`, one spike out `own`."""
    return kernel * before / own, bias / own


# --- whole networks --------------------------------------------------------------------------


def units(graph, inputs):
    """Inputs divided by what a full current stands for."""
    nodes = [node for node in graph.nodes if node.op == "input"]
    return [
        np.asarray(x, "float64") / np.asarray(node.arrays.get("scale", 1.0), "float64")
        for node, x in zip(nodes, inputs, strict=True)
    ]


class Run:
    """What `clock_driven` and `layer_synchronous` return.

    Attributes:
        spikes: (T, batch, ...) for each neuron (clock driven), or counts (batch, ...).
        outputs: Mean answer per output, (batch, ...); a list per step when clock driven.
        closest: How close a neuron of a general kind came to sending something else.
    """

    def __init__(self, spikes, outputs, closest=np.inf):
        self.spikes, self.outputs, self.closest = spikes, outputs, closest

    def settled(self):
        """Last step, from 1, at which each sample sent a spike; 0 for none."""
        sent = [(s != 0).reshape(*s.shape[:2], -1).any(2) for s in self.spikes.values()]
        steps = np.arange(1, len(sent[0]) + 1)[:, None]
        return (np.any(sent, 0) * steps).max(0)


def code_of(graph):
    """What spikes mean in a network."""
    return next(n.attributes["spike_code"] for n in graph.nodes if n.op == "readout")


def _through(node, before, keeps):
    """Trains (T, ...) behind a linear node. Where values are kept, whatever is constant in it
    counts at the first step alone, and later steps bring changes."""
    apply = OPERATIONS[node.op]
    after = np.array([apply(node, *now) for now in zip(*before, strict=True)])
    if keeps:
        after[1:] -= apply(node, *(np.zeros_like(x[0]) for x in before))
    return after


def clock_driven(graph, inputs, steps, stagger=0, coding="constant", table=None):
    """Every layer at every step; a neuron or read-out wakes after floor(depth * stagger) steps.

    Without feedback each node's whole train depends on the trains before it alone, so the
    network is run node by node over trains (T, batch, ...). Where values are kept the input
    comes once; biases may be in the linear nodes or, lifted, in the neurons and read-outs.
    """
    code = code_of(graph)
    trains, spikes, answers, closest = {}, {}, {}, np.inf
    given = [train(coding, x, steps, table) for x in units(graph, inputs)]
    if code != "rate":
        given = [np.concatenate([x[:1], np.zeros_like(x[1:])]) for x in given]
    given = iter(given)
    for node in graph.nodes:
        before = [trains[name] for name in node.inputs if name in trains]
        if any(name in answers for name in node.inputs):
            continue
        if node.op == "input":
            trains[node.name] = next(given)
        elif node.op == "neuron":
            asleep = min(int(node.attributes["depth"] * stagger), steps)
            fired = np.zeros((asleep, before[0].shape[1], *node.shape))
            if asleep < steps:
                awake, near = spike(node, [x[asleep:] for x in before])
                fired, closest = np.concatenate([fired, awake]), min(closest, near)
            trains[node.name] = spikes[node.name] = fired
        elif node.op == "readout":
            answers[node.name] = _listen(before[0], code, int(node.attributes["depth"] * stagger))
        else:
            trains[node.name] = _through(node, before, code != "rate")
    outputs = [_head(graph, _at(answers, t)) for t in range(steps)]
    return Run(spikes, outputs, closest)


def _listen(received, code, asleep):
    """What a read-out holds after each step."""
    steps = range(1, len(received) + 1)
    if code == "rate":
        return [received[asleep:t].sum(0) / max(t - asleep, 1) for t in steps]
    weights = [1 / t if code == "differential" else 1.0 for t in steps]
    return list(np.cumsum([w * x for w, x in zip(weights, received, strict=True)], 0))


def layer_synchronous(graph, inputs, steps, coding="constant", table=None):
    """Each layer first receives its whole window, then fires for `steps` steps."""
    sums, spikes, answers = {}, {}, {}
    given = iter(train(coding, x, steps, table).sum(0) for x in units(graph, inputs))
    for node in graph.nodes:
        before = [sums[name] for name in node.inputs if name in sums]
        if any(name in answers for name in node.inputs):
            continue
        if node.op == "input":
            sums[node.name] = next(given)
        elif node.op == "neuron":
            a, total = node.attributes, response(node)(*before, steps)
            if a["model"] in GRADED:
                sent = send_value(total / threshold(node), steps, sender(node), "rate")
            else:
                low = -a["max_spikes_per_step"] if "signed" in a["model"] else 0
                sent = fire_after(
                    total,
                    steps,
                    threshold(node),
                    a["initial_potential"],
                    low,
                    a["max_spikes_per_step"],
                )
            sums[node.name] = spikes[node.name] = sent
        elif node.op == "readout":
            answers[node.name] = before[0] / steps
        else:
            # Affine: the sum over the window is the answer to the sum, and the bias T times.
            apply = OPERATIONS[node.op]
            bias = apply(node, *(np.zeros_like(x) for x in before))
            sums[node.name] = apply(node, *before) + (steps - 1) * bias
    return Run(spikes, _head(graph, answers))


def resting(graph):
    """What reaches each neuron and read-out while nobody sends anything: {name: [arrays]}."""
    values, found = {}, {}
    for node in graph.nodes:
        if not all(name in values for name in node.inputs):
            continue
        before = [values[name] for name in node.inputs]
        if node.op in ("neuron", "readout"):
            found[node.name] = [x[0] for x in before]
        if node.op in ("neuron", "input"):
            values[node.name] = np.zeros((1, *node.shape))
        elif node.op != "readout":
            values[node.name] = OPERATIONS[node.op](node, *before)
    return found


def _at(answers, t):
    return {name: values[t] for name, values in answers.items()}


def _head(graph, answers):
    """Outputs from what the read-outs hold on average."""
    values = {}
    for node in graph.nodes:
        if node.name in answers:
            scale, offset = (
                node.arrays.get(key, d) for key, d in (("scale", 1.0), ("offset", 0.0))
            )
            values[node.name] = answers[node.name] * np.asarray(scale, "float64") + offset
        elif node.inputs and all(name in values for name in node.inputs):
            values[node.name] = OPERATIONS[node.op](node, *(values[n] for n in node.inputs))
    return [values[name] for name in graph.outputs]


def ann(graph, inputs):
    """What a graph with neurons computes on real values, without time: (rates, outputs).

    A neuron's rate is f(z) / V, bounded by its ceiling, neither cut nor rounded.
    """
    values, rates, answers = {}, {}, {}
    given = iter(units(graph, inputs))
    for node in graph.nodes:
        before = [values[name] for name in node.inputs if name in values]
        if len(before) < len(node.inputs):
            continue
        if node.op == "input":
            values[node.name] = next(given)
        elif node.op == "neuron":
            sums = [x + offset for x, offset in zip(before, offsets(node), strict=True)]
            value = response(node)(*sums, 1)
            if "ceiling" in node.arrays:
                value = np.minimum(value, np.asarray(node.arrays["ceiling"], "float64"))
            rates[node.name] = values[node.name] = value / threshold(node)
        elif node.op == "readout":
            answers[node.name] = before[0]
        else:
            values[node.name] = OPERATIONS[node.op](node, *before)
    return rates, _head(graph, answers)
