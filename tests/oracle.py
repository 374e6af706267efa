"""An independent, slow, float64 simulation of spiking networks: explicit loops over time.

It imports nothing from the library. Neurons are written as membrane potentials that are
charged, compared and reset, sample by sample and step by step; nothing here uses a closed
form but `closed_form` itself. Networks are records as in `tests.oracle_layers` (anything with
`nodes` and `outputs`), whose linear operations are computed there.
"""

import numpy as np

from tests.oracle_layers import FUNCTIONS, OPERATIONS, _windows

# The pseudo-random numbers of Bernoulli coding: element e at step t takes the draw at
# (e * ELEMENT + t * STEP) modulo the number of draws.
ELEMENT, STEP, DRAWS = 40503, 25173, 65536


# --- one neuron over time --------------------------------------------------------------------


def integrate_fire(currents, threshold=1.0, alpha=0.5, reset="subtract"):
    """Spikes (T, ...) and last potential of the plain neuron, for currents (T, ...)."""
    potential = np.full(np.shape(currents)[1:], float(alpha)) * threshold
    spikes = []
    for current in currents:
        potential = potential + current
        fired = potential >= threshold
        spikes.append(fired.astype("float64"))
        left = potential - threshold if reset == "subtract" else np.zeros_like(potential)
        potential = np.where(fired, left, potential)
    return np.array(spikes), potential


def tracking(currents, threshold=1.0, alpha=0.5, low=0, high=1, respond=None):
    """Spikes (T, ...) of a neuron whose count follows a function of the current so far.

    Args:
        currents: (T, ...).
        threshold: What one spike stands for.
        alpha: Share of a level given in advance.
        low: Least number of spikes in one step, 0 or negative.
        high: Largest number of spikes in one step.
        respond: (sum of currents, steps so far) to the sum it stands for; default ReLU.
    """
    respond = respond or (lambda total, steps: np.where(total > 0, total, 0.0))
    total, sent, spikes = 0.0, 0.0, []
    for steps, current in enumerate(currents, 1):
        total = total + current
        level = respond(total, steps) / threshold + alpha
        now = np.zeros(np.shape(level))
        for _ in range(high):
            now = np.where(level - sent - now >= 1, now + 1, now)
        for _ in range(-low):
            now = np.where(level - sent - now < 0, now - 1, now)
        sent = sent + now
        spikes.append(now)
    return np.array(spikes)


def fire_after(total, steps, threshold=1.0, alpha=0.5, low=0, high=1):
    """Spikes of a layer that has received `total` and now fires for `steps` steps."""
    potential = alpha * threshold + np.asarray(total, "float64")
    count = np.zeros(np.shape(potential))
    for _ in range(steps * high):
        fired = potential >= threshold
        potential, count = np.where(fired, potential - threshold, potential), count + fired
    for _ in range(-steps * low):
        fired = potential < 0
        potential, count = np.where(fired, potential + threshold, potential), count - fired
    return count


def closed_form(current, steps, threshold=1.0, alpha=0.5):
    """Count of the plain neuron for a constant current, or once a mean current is known."""
    return np.clip(np.floor(steps * np.asarray(current) / threshold + alpha), 0, steps)


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


def _pool(window, x):
    if window is None:
        return x
    if "keepdims" in window:
        return x.max(tuple(range(1, x.ndim - 1)), keepdims=window["keepdims"])
    size, ones = window["pool_size"], (1,) * len(window["pool_size"])
    patches, rank = _windows(x, size, window["strides"], ones, window["padding"], fill=-np.inf)
    return patches.max(tuple(range(rank + 1, 2 * rank + 1)))


def _response(node):
    """(sum, steps) to the sum it stands for, of one neuron node."""
    a = dict(node.attributes)
    function = a["function"]
    skip = ("model", "reset", "rounding", "limit", "depth", "pool", "function")
    numbers = {key: value for key, value in a.items() if key not in skip}

    def respond(total, steps):
        pooled = _pool(a["pool"], total)
        if function == "linear":
            return pooled
        if function == "prelu":
            return np.where(pooled > 0, pooled, np.asarray(node.arrays["slope"], float) * pooled)
        if function in ("relu", "leaky_relu") and not numbers.get("threshold"):
            slope, bound = numbers["negative_slope"], numbers.get("max_value")
            value = np.where(pooled > 0, pooled, slope * pooled)
            return value if bound is None else np.minimum(value, steps * bound)
        return steps * FUNCTIONS[function](pooled / steps, **numbers)

    return respond


def _spike(node, currents):
    """Spikes (T, batch, ...) of one neuron node for currents (T, batch, ...)."""
    threshold = np.asarray(node.arrays["threshold"], "float64")
    a = node.attributes
    simple = a["model"] == "binary" and a["pool"] is None and a["function"] == "relu"
    if simple and a["max_value"] is None and not (a["negative_slope"] or a["threshold"]):
        return integrate_fire(currents, threshold, a["rounding"], a["reset"])[0]
    low = -a["limit"] if "signed" in a["model"] else 0
    return tracking(currents, threshold, a["rounding"], low, a["limit"], _response(node))


def units(graph, inputs):
    """Inputs divided by what a full current stands for."""
    nodes = [node for node in graph.nodes if node.op == "input"]
    return [
        np.asarray(x, "float64") / np.asarray(node.arrays.get("unit", 1.0), "float64")
        for node, x in zip(nodes, inputs, strict=True)
    ]


class Run:
    """What `clock_driven` and `layer_synchronous` return.

    Attributes:
        spikes: (T, batch, ...) for each neuron (clock driven), or counts (batch, ...).
        outputs: Mean answer per output, (batch, ...); a list per step when clock driven.
    """

    def __init__(self, spikes, outputs):
        self.spikes, self.outputs = spikes, outputs


def clock_driven(graph, inputs, steps, stagger=0, coding="constant", table=None):
    """Every layer at every step; a neuron or read-out wakes after `depth * stagger` steps.

    Without feedback each node's whole train depends on the trains before it alone, so the
    network is run node by node over trains (T, batch, ...).
    """
    trains, spikes, answers = {}, {}, {}
    given = iter(train(coding, x, steps, table) for x in units(graph, inputs))
    for node in graph.nodes:
        before = [trains[name] for name in node.inputs if name in trains]
        if any(name in answers for name in node.inputs):
            continue
        if node.op == "input":
            trains[node.name] = next(given)
        elif node.op == "neuron":
            asleep = min(node.attributes["depth"] * stagger, steps)
            fired = _spike(node, before[0][asleep:]) if asleep < steps else np.zeros((0,))
            quiet = np.zeros((asleep, before[0].shape[1], *node.shape))
            trains[node.name] = np.concatenate([quiet, fired]) if asleep < steps else quiet
            spikes[node.name] = trains[node.name]
        elif node.op == "readout":
            asleep = node.attributes["depth"] * stagger
            answers[node.name] = [
                before[0][asleep : t + 1].sum(0) / max(t + 1 - asleep, 1) for t in range(steps)
            ]
        else:
            trains[node.name] = np.array(
                [OPERATIONS[node.op](node, *now) for now in zip(*before, strict=True)]
            )
    return Run(spikes, [_head(graph, _at(answers, t)) for t in range(steps)])


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
            a = node.attributes
            total = _response(node)(before[0], steps)
            threshold = np.asarray(node.arrays["threshold"], "float64")
            low = -a["limit"] if "signed" in a["model"] else 0
            spikes[node.name] = fire_after(total, steps, threshold, a["rounding"], low, a["limit"])
            sums[node.name] = spikes[node.name]
        elif node.op == "readout":
            answers[node.name] = before[0] / steps
        else:
            # Affine: the sum over the window is the answer to the sum, and the bias T times.
            apply = OPERATIONS[node.op]
            bias = apply(node, *(np.zeros_like(x) for x in before))
            sums[node.name] = apply(node, *before) + (steps - 1) * bias
    return Run(spikes, _head(graph, answers))


def _at(answers, t):
    return {name: values[t] for name, values in answers.items()}


def _head(graph, answers):
    """Outputs from what the read-outs hold on average."""
    values = {}
    for node in graph.nodes:
        if node.name in answers:
            values[node.name] = answers[node.name] * np.asarray(node.arrays.get("scale", 1.0))
        elif node.inputs and all(name in values for name in node.inputs):
            values[node.name] = OPERATIONS[node.op](node, *(values[n] for n in node.inputs))
    return [values[name] for name in graph.outputs]


def analogue(graph, inputs):
    """What a graph with neurons computes on real values, without time: (rates, outputs).

    A neuron's rate is f(z) / V, bounded by its ceiling, neither cut nor rounded.
    """
    values, rates, answers = {}, {}, {}
    given = iter(units(graph, inputs))
    for node in graph.nodes:
        before = [values[name] for name in node.inputs if name in values]
        if any(name in answers for name in node.inputs):
            continue
        if node.op == "input":
            values[node.name] = next(given)
        elif node.op == "neuron":
            value = _response(node)(before[0], 1)
            if "ceiling" in node.arrays:
                value = np.minimum(value, np.asarray(node.arrays["ceiling"], "float64"))
            rates[node.name] = values[node.name] = value / node.arrays["threshold"]
        elif node.op == "readout":
            answers[node.name] = before[0]
        else:
            values[node.name] = OPERATIONS[node.op](node, *before)
    return rates, _head(graph, answers)
