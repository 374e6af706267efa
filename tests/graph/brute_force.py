"""Operations of a network, counted spike by spike; shares no code with the library.

A graph is anything with `nodes` and `outputs`, a node anything with `name`, `op`, `inputs`,
`shape`, `attributes` and `arrays`. Each linear node becomes a dense matrix of zeros and ones: an
impulse at each element of its input is pushed through `tests.oracle_layers`, once all its weights
are set to one. Matrices are multiplied along every path, spikes are followed one at a time.
"""

import math
from types import SimpleNamespace

import numpy as np

from tests.oracle_layers import OPERATIONS

WEIGHTED = ("conv", "depthwise_conv", "conv_transpose", "dense", "scale")
PASSING = (
    "pad",
    "crop",
    "average_pool",
    "global_average_pool",
    "upsample",
    "resample",
    "reshape",
    "permute",
    "add",
    "subtract",
    "concatenate",
)


def matrix(graph, node, place):
    """(elements of the input, elements of the output), True where one reaches the other."""
    shapes = {other.name: other.shape for other in graph.nodes}
    kept = {
        name: np.ones_like(array)
        for name, array in node.arrays.items()
        if name in ("kernel", "scale")
    }
    # Zeros of a matrix are no connections.
    kept |= {
        name: (array != 0).astype(float) for name, array in node.arrays.items() if name == "matrix"
    }
    plain = SimpleNamespace(op=node.op, shape=node.shape, attributes=node.attributes, arrays=kept)
    size = math.prod(shapes[node.inputs[place]])
    inputs = [np.zeros((size, *shapes[name])) for name in node.inputs]
    inputs[place] = np.eye(size).reshape(size, *shapes[node.inputs[place]])
    if node.op in ("add", "subtract"):  # missing axes are the first ones of a sample
        rank = len(node.shape)
        inputs = [x.reshape(size, *[1] * (rank + 1 - x.ndim), *x.shape[1:]) for x in inputs]
    return OPERATIONS[node.op](plain, *inputs).reshape(size, -1) != 0


class Counter:
    """What spikes cause in a graph.

    Args:
        graph: The graph.
        sources: Names of the nodes that send spikes.
    """

    def __init__(self, graph, sources):
        self.graph, self.sources = graph, sources
        self.nodes = {node.name: node for node in graph.nodes}
        self.size = {node.name: math.prod(node.shape) for node in graph.nodes}
        self.matrices = {}
        self.passed = []
        for node in graph.nodes:
            senders = [*sources, *self.passed]
            if node.op in (*WEIGHTED, *PASSING) and any(n in senders for n in node.inputs):
                self.passed.append(node.name)
                for place, name in enumerate(node.inputs):
                    if name in senders:
                        self.matrices[node.name, place] = matrix(graph, node, place)

    def regions(self):
        """Sets of nodes that are connected without a neuron between."""
        found = []
        for name in self.passed:
            linked = {name, *(n for n in self.nodes[name].inputs if n in self.passed)}
            touched = [region for region in found if region & linked]
            found = [region for region in found if not region & linked]
            found.append(linked.union(*touched))
        direct = any(self.receivers(name) for name in self.sources)
        return [frozenset(), *map(frozenset, found)] if direct else [*map(frozenset, found)]

    def receivers(self, name):
        """How many neurons' inputs, read-outs and outputs read a node."""
        readers = [node for node in self.graph.nodes if node.name not in self.passed]
        return sum(node.inputs.count(name) for node in readers) + (name in self.graph.outputs)

    def reached(self, spikes):
        """Whether each element of each node has been reached, without and with a weight.

        Args:
            spikes: By source, whether each element has fired.
        """
        plain = {name: np.zeros(size, bool) for name, size in self.size.items()}
        summed = {name: np.zeros(size, bool) for name, size in self.size.items()}
        for name, fired in spikes.items():
            plain[name] = fired.reshape(-1) != 0
        for name in self.passed:
            node = self.nodes[name]
            for place, before in enumerate(node.inputs):
                if (name, place) in self.matrices:
                    step = self.matrices[name, place]
                    into = summed if node.op in WEIGHTED else plain
                    into[name] = into[name] | step[plain[before]].any(axis=0)
                    summed[name] = summed[name] | step[summed[before]].any(axis=0)
        return plain, summed

    def fan_out(self, name):
        return self.matrices[name, 0].sum(axis=1)

    def one_spike(self, source, place, region):
        """(composed additions, factored additions) of one spike in one region."""
        fired = np.zeros(self.size[source], bool)
        fired[place] = True
        plain, summed = self.reached({source: fired})
        ends = region or {source}
        composed = sum(self.receivers(n) * (plain[n] | summed[n]).sum() for n in ends)
        factored = sum(self.receivers(n) * plain[n].sum() for n in ends)
        for name in region:
            if self.nodes[name].op in WEIGHTED:
                factored += self.fan_out(name)[plain[self.nodes[name].inputs[0]]].sum()
        return int(composed), int(factored)

    def additions(self, source, region):
        """The same for every element of a source, as two arrays."""
        counts = [self.one_spike(source, place, region) for place in range(self.size[source])]
        composed, factored = np.array(counts).T
        shape = self.nodes[source].shape
        return composed.reshape(shape), factored.reshape(shape)

    def changed_macs(self, spikes, region):
        """Multiply-accumulates on the sums that one step's spikes change, by later layer."""
        _, summed = self.reached(spikes)
        return {
            name: int(self.fan_out(name)[summed[self.nodes[name].inputs[0]]].sum())
            for name in region
            if self.nodes[name].op in WEIGHTED
        }
