"""An independent simulation of networks of whole numbers, in whole numbers of Python, by loops.

It reads nodes and their arrays as records, and imports nothing from the library. Arrays are nested
in dictionaries from (position..., channel) to a whole number; what is not there is zero.
"""

import itertools
from fractions import Fraction

import numpy as np


def whole(value):
    """The whole number that a float holds."""
    number = int(value)
    assert number == value, f"{value} is no whole number"
    return number


def rounded(value):
    """The nearest whole number, halves up."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def cells(shape):
    return itertools.product(*map(range, shape))


def before(size, out, window, stride, padding):
    """Zeros in front of an axis."""
    return max((out - 1) * stride + window - size, 0) // 2 if padding == "same" else 0


def window_of(node, shape, window):
    """Pairs of (tap, position in) of each position out of a window with strides."""
    rank = len(window)
    ahead = [
        before(shape[a], node.shape[a], window[a], node["strides"][a], node["padding"])
        for a in range(rank)
    ]
    for out in cells(node.shape[:rank]):
        found = []
        for tap in cells(window):
            place = tuple(o * s + t - z for o, s, t, z in zip(out, node["strides"], tap, ahead))
            if all(0 <= p < size for p, size in zip(place, shape)):
                found.append((tap, place))
        yield out, found


def weighted(node, shape, x, step):
    """Sum of codes times whole inputs; without bias."""
    kernel, out = node.arrays["kernel"].astype("float64") / step, {}
    if node.op == "dense":
        for place in cells(node.shape):
            *rest, o = place
            out[place] = sum(whole(kernel[i, o]) * x[(*rest, i)] for i in range(kernel.shape[0]))
        return out
    window, inner = kernel.shape[:-2], kernel.shape[-2]
    for place, taps in window_of(node, shape, window):
        for o in range(node.shape[-1]):
            total = 0
            for tap, at in taps:
                if node.op == "depthwise_conv":
                    c, m = divmod(o, kernel.shape[-1])
                    total += whole(kernel[(*tap, c, m)]) * x[(*at, c)]
                else:
                    first = o // (node.shape[-1] // node["groups"]) * inner
                    total += sum(
                        whole(kernel[(*tap, i, o)]) * x[(*at, first + i)] for i in range(inner)
                    )
            out[(*place, o)] = total
    return out


def linear(node, shapes, inputs, steps):
    """Value of a node that is no neuron; average poolings sum."""
    x, shape = inputs[0], shapes[0]
    if "kernel" in node.arrays:
        return weighted(node, shape, x, steps[node.name])
    if node.op == "scale":
        codes = np.broadcast_to(node.arrays["scale"] / steps[node.name], node.shape)
        return {place: whole(codes[place]) * x[place] for place in x}
    if node.op in ("add", "subtract"):
        sign = 1 if node.op == "add" else -1
        return {p: x[p] + sign * sum(other[p] for other in inputs[1:]) for p in x}
    if node.op == "reshape":
        return dict(zip(cells(node.shape), [x[p] for p in cells(shape)]))
    if node.op == "concatenate":
        out, axis, offset = {}, node["axis"] - 1 if node["axis"] > 0 else len(shape) - 1, 0
        for own, size in zip(inputs, shapes):
            for place, value in own.items():
                out[(*place[:axis], place[axis] + offset, *place[axis + 1 :])] = value
            offset += size[axis]
        return out
    if node.op == "global_average_pool":
        places = list(cells(shape[:-1]))
        ones = () if len(node.shape) == 1 else (0,) * (len(shape) - 1)
        return {(*ones, c): sum(x[(*p, c)] for p in places) for c in range(shape[-1])}
    assert node.op == "average_pool", node.op
    return {
        (*out, c): sum(x[(*place, c)] for _, place in taps)
        for out, taps in window_of(node, shape, node["pool_size"])
        for c in range(shape[-1])
    }


class Layer:
    """Neurons, each with a potential (or a received sum) and what it has sent."""

    def __init__(self, node, shape, form):
        self.node, self.shape, self.form = node, shape, form
        level = np.broadcast_to(node.arrays["threshold"], node.shape)
        self.threshold = {p: whole(level[p]) for p in cells(node.shape)}
        share = Fraction(node["initial_potential"])
        self.start = {p: int(share * v) for p, v in self.threshold.items()}
        pooled = node["pool"] is not None
        self.potential = {p: 0 if pooled else self.start[p] for p in cells(shape)}
        if "constant_input0" in node.arrays:
            more = np.broadcast_to(node.arrays["constant_input0"], shape)
            self.potential = {p: v + whole(more[p]) for p, v in self.potential.items()}
        self.sent = dict.fromkeys(cells(node.shape), 0)

    def bounded(self, value):
        half = 1 << (self.form.membrane_bits - 1)
        if self.form.overflow == "wrap":
            return (value + half) % (2 * half) - half
        return max(-half, min(half - 1, value))

    def step(self, current):
        node, most = self.node, int(self.node["max_spikes_per_step"])
        least = -most if "signed" in node["model"] else 0
        for place in self.potential:
            self.potential[place] = self.bounded(self.potential[place] + current[place])
        spikes = {}
        for place, own in self.threshold.items():
            level = self.level(place, own)
            spikes[place] = level = max(least, min(most, level))
            self.sent[place] += level
            if node["pool"] is None and level:
                after = self.potential[place] - level * own
                self.potential[place] = 0 if node["reset"] == "zero" else self.bounded(after)
        return spikes

    def level(self, place, own):
        """Spikes that are missing."""
        node = self.node
        if node["pool"] is not None:
            pool = node["pool"]
            taps = cells(pool["pool_size"])
            at = [tuple(o * s + t for o, s, t in zip(place, pool["strides"], tap)) for tap in taps]
            value = max(
                self.potential[(*p, place[-1])] for p in at if (*p, place[-1]) in self.potential
            )
            if node["function"] != "linear":
                value = max(value, 0)
            return (value + self.start[place]) // own - self.sent[place]
        level = self.potential[place] // own
        return level if node["function"] == "linear" else max(level, -self.sent[place])


def constant(graph, by_name, x):
    """Constant current, without biases, of each node that depends on the inputs alone."""
    form, given, values = graph.integers, iter(x), {}
    most = (1 << form.input_bits) - 1
    for node in graph.nodes:
        if node.op == "input":
            array = next(given)
            level = {p: rounded(Fraction(float(array[p])) * most) for p in cells(node.shape)}
            values[node.name] = {p: max(-most, min(most, v)) for p, v in level.items()}
        elif node.op not in ("neuron", "readout") and set(node.inputs) <= set(values):
            shapes = [by_name[name].shape for name in node.inputs]
            inputs = [values[name] for name in node.inputs]
            values[node.name] = linear(node, shapes, inputs, form.steps)
    return {n: {p: rounded(Fraction(v, most)) for p, v in own.items()} for n, own in values.items()}


def arrive(node, by_name, resting, values):
    """What a neuron or read-out receives in one step."""
    before = node.inputs[0]
    bias = np.broadcast_to(resting[before], by_name[before].shape)
    return {p: v + whole(bias[p]) for p, v in values[before].items()}


def run(graph, resting, x, steps, stagger):
    """Spikes of each layer in each step, and the sums of the read-outs, of one sample.

    Args:
        graph: Nodes, outputs and integers.
        resting: Bias current of each node that a neuron or read-out reads.
        x: Inputs in units of their scale, one array per input.
        steps: T.
        stagger: Start delay.
    """
    by_name = {node.name: node for node in graph.nodes}
    form, currents = graph.integers, constant(graph, by_name, x)
    layers = {
        node.name: Layer(node, by_name[node.inputs[0]].shape, form)
        for node in graph.nodes
        if node.op == "neuron"
    }
    spikes = {name: [] for name in layers}
    sums = {
        node.name: dict.fromkeys(cells(node.shape), 0)
        for node in graph.nodes
        if node.op == "readout"
    }
    for index in range(steps):
        values = dict(currents)
        for node in graph.nodes:
            if node.name in values or not set(node.inputs) <= set(values):
                continue
            late = node.op in ("neuron", "readout") and index < int(node["depth"] * stagger)
            if node.op == "neuron":
                arrived = arrive(node, by_name, resting, values)
                silent = dict.fromkeys(cells(node.shape), 0)
                values[node.name] = silent if late else layers[node.name].step(arrived)
                spikes[node.name].append(values[node.name])
            elif node.op == "readout":
                for place, value in arrive(node, by_name, resting, values).items():
                    sums[node.name][place] += 0 if late else value
            else:
                shapes = [by_name[name].shape for name in node.inputs]
                inputs = [values[name] for name in node.inputs]
                values[node.name] = linear(node, shapes, inputs, form.steps)
    return spikes, sums
