"""One operation of a network, as a plain record."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from spkeras.errors import GraphError
from spkeras.graph.operations import OPERATIONS, Operation
from spkeras.graph.vocabulary import ACTIVATIONS, FUNCTIONS
from spkeras.ops.arrays import frozen
from spkeras.ops.names import NEURON_MODELS, NeuronModel
from spkeras.ops.properties import is_plain


def parameters_of(function: str) -> tuple[str, ...]:
    """Return the names of the parameters of a function of the vocabulary."""
    return ACTIVATIONS.get(function, FUNCTIONS.get(function, ()))


@dataclass(frozen=True, eq=False)
class Node:
    """One operation with its constants.

    Attributes:
        name: Name, unique in its graph. The last node made of a Keras layer has the layer's name.
        op: A key of `spkeras.graph.operations.OPERATIONS`.
        inputs: Names of the nodes it reads, in order.
        shape: Output shape without the batch axis, channels last.
        attributes: Plain values (numbers, strings, tuples, None), as the vocabulary names them.
        arrays: Constants, read-only; float32 in general.
        source: Name of the Keras layer it comes from ("" for nodes that passes insert).

    Raises:
        GraphError: an attribute or array is missing or unknown, or the number of inputs is wrong.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        arrays = {key: frozen(array) for key, array in self.arrays.items()}
        object.__setattr__(self, "arrays", MappingProxyType(arrays))
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))
        object.__setattr__(self, "inputs", tuple(self.inputs))
        object.__setattr__(self, "shape", tuple(int(size) for size in self.shape))
        self._check()

    def _check(self) -> None:
        if self.op not in OPERATIONS:
            raise GraphError(
                f"node {self.name!r}: unknown operation {self.op!r}; register it with "
                "spkeras.graph.operations.register_operation"
            )
        rule = self.operation
        wanted = set(rule.attributes)
        if self.op in ("activation", "function", "neuron"):
            wanted |= set(parameters_of(self.attributes.get("function", "")))
        missing = wanted - set(self.attributes)
        missing |= set(rule.arrays) - set(rule.optional) - set(self.arrays)
        unknown = set(self.arrays) - set(rule.arrays)
        if missing or unknown:
            raise GraphError(
                f"node {self.name!r} ({self.op}): missing attributes or arrays {sorted(missing)}, "
                f"unknown arrays {sorted(unknown)}"
            )
        count = len(self.inputs)
        least = {-1: 2, -2: 1}.get(rule.inputs, rule.inputs)
        if count < least or (rule.inputs >= 0 and count > least):
            raise GraphError(f"node {self.name!r} ({self.op}): wrong number of inputs: {count}")

    def __getitem__(self, attribute: str) -> Any:
        return self.attributes[attribute]

    @property
    def operation(self) -> Operation:
        """The facts of its operation."""
        return OPERATIONS[self.op]

    @property
    def neuron(self) -> NeuronModel:
        """What the neurons of a node "neuron" can send."""
        return NEURON_MODELS[self["model"]]

    @property
    def is_plain(self) -> bool:
        """Whether it is a layer of binary integrate-and-fire neurons of ReLU."""
        return self.op == "neuron" and is_plain(
            self["model"],
            self["spike_code"],
            function=self["function"],
            parameters=self.attributes,
            pooled=self["pool"] is not None,
        )

    def array(self, name: str) -> np.ndarray | None:
        """Return the array of that name; None where the node has none."""
        return self.arrays.get(name)

    def with_arrays(self, **arrays: np.ndarray | None) -> "Node":
        """Return a copy with these arrays set, or removed where None is given."""
        merged = {**self.arrays, **arrays}
        return replace(self, arrays={k: a for k, a in merged.items() if a is not None})

    def with_attributes(self, **attributes: Any) -> "Node":
        """Return a copy with these attributes changed."""
        return replace(self, attributes={**self.attributes, **attributes})
