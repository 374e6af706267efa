"""Whole numbers of a network: widths, and the real values of a 1."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from spkeras.graph.node import Node
from spkeras.ops.arrays import frozen

WIDEST = 32


@dataclass(frozen=True, eq=False)
class Integers:
    """How a graph holds whole numbers in its arrays of float32.

    In a network of whole numbers (`is_whole`) all arrays of the body are whole numbers: a kernel
    divided by its step is the code of each weight, biases, scales of identity synapses and
    thresholds are stored as they are. A neuron starts with floor(initial_potential * threshold).
    The current of an input is that of floor(x / scale * 2^input_bits + 1/2), divided by
    2^input_bits and rounded once a sample. Average pools sum: their divisor is part of the step.

    Attributes:
        weight_bits: Bits of a weight, sign included.
        threshold_bits: Bits of a threshold, without a sign; None if only the weights are codes.
        membrane_bits: Bits of a membrane potential, sign included.
        input_bits: Bits of the magnitude of a constant input.
        overflow: What a potential beyond its range becomes at the end of a step: "saturate": the
            nearest of the range; "wrap": its lowest bits.
        per_channel: Whether each channel has a unit, or each layer.
        steps: Value of a weight code 1 in the stored kernel, by weighted node; shape (), or in the
            form of the weights. In a network of whole numbers it is the divisor of the average
            pools on its way; if only the weights are codes, a real number.
        units: Value of a potential of 1 in units of the threshold of the network of real numbers,
            by neuron; of a received 1 in the read-out's units by read-out. Shape () or (channels,).
    """

    weight_bits: int
    threshold_bits: int | None = None
    membrane_bits: int = WIDEST
    input_bits: int = 8
    overflow: str = "saturate"
    per_channel: bool = True
    steps: Mapping[str, np.ndarray] = field(default_factory=dict)
    units: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("steps", "units"):
            arrays = {key: frozen(value) for key, value in getattr(self, name).items()}
            object.__setattr__(self, name, MappingProxyType(arrays))
        widths = (self.weight_bits, self.threshold_bits or 1, self.input_bits, self.membrane_bits)
        if not all(isinstance(bits, int) and 1 <= bits <= WIDEST for bits in widths):
            raise ValueError(f"widths {widths}; allowed: whole numbers from 1 to {WIDEST}")

    @property
    def is_whole(self) -> bool:
        """Whether thresholds, biases and potentials are whole numbers, too."""
        return self.threshold_bits is not None

    def codes(self, node: Node) -> np.ndarray:
        """Return the weight codes of a node with weights, int32 in the form of its kernel."""
        weights = node.arrays["scale" if node.op == "scale" else "kernel"]
        step = self.steps.get(node.name, np.ones(()))
        codes: np.ndarray = np.rint(weights.astype(np.float64) / step)
        return codes.astype(np.int32)

    @property
    def lowest(self) -> int:
        """Smallest membrane potential."""
        return -(1 << (self.membrane_bits - 1))

    @property
    def highest(self) -> int:
        """Largest membrane potential."""
        return (1 << (self.membrane_bits - 1)) - 1

    def get_config(self) -> dict[str, Any]:
        """Return the record as plain values."""
        return {
            "weight_bits": self.weight_bits,
            "threshold_bits": self.threshold_bits,
            "membrane_bits": self.membrane_bits,
            "input_bits": self.input_bits,
            "overflow": self.overflow,
            "per_channel": self.per_channel,
            "steps": {name: value.tolist() for name, value in self.steps.items()},
            "units": {name: value.tolist() for name, value in self.units.items()},
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Integers":
        """Return the record that `get_config` described."""
        arrays = {
            name: {key: np.asarray(value, np.float64) for key, value in config[name].items()}
            for name in ("steps", "units")
        }
        return cls(**{**config, **arrays})
