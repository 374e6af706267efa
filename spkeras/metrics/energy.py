"""Energy of a run beside the CNN's, under a named cost table: an estimate, not a measurement.

Arithmetic is the operations of a run times the cost of each. Memory is the traffic of a chip without
caches: every operation reads its operands from on-chip memories that hold the whole network (as in
Lemaire et al., "An analytical estimation of spiking neural networks energy efficiency", ICONIP 2022).
Both networks are counted by the same rules:

* a synaptic operation reads a weight, and reads and writes a membrane potential;
* an update of a membrane potential is an addition and a comparison with the threshold, and reads and
  writes the potential;
* a spike is written once and read once, as an address with its payload;
* a multiply-accumulate reads a weight and a value, and adds in a register; each sum is written once.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from spkeras.errors import OptionError
from spkeras.metrics.activity import Activity
from spkeras.metrics.costs import CostTable, cost_table
from spkeras.metrics.storage import Storage

LEFT_OUT = (
    "routing of spikes, reuse of operands, exponentials and other functions in neurons, control, "
    "clock and leakage"
)
# Format of the numbers: bits of weights and values, and bits of sums.
NUMBERS = {"float32": (32, 32), "int8": (8, 32)}
# Width of the exponent of a 32-bit float: a shift by a power of two adds to it.
_EXPONENT_BITS = 8


@dataclass(frozen=True)
class NetworkEnergy:
    """Energy of one network in uJ per sample.

    Attributes:
        operations: Energy of each kind of operation, by name.
        traffic: Energy of reading and writing each kind of data, by name.
    """

    operations: Mapping[str, float]
    traffic: Mapping[str, float]

    @property
    def arithmetic(self) -> float:
        """Energy of all operations."""
        return sum(self.operations.values())

    @property
    def memory(self) -> float:
        """Energy of all memory traffic."""
        return sum(self.traffic.values())

    @property
    def total(self) -> float:
        """Sum of both."""
        return self.arithmetic + self.memory

    def to_dict(self) -> dict[str, Any]:
        """Return plain values with the sums."""
        sums = {name: getattr(self, name) for name in ("arithmetic", "memory", "total")}
        return {**asdict(self), **sums}


@dataclass(frozen=True)
class Energy:
    """Energy of a spiking network and of its CNN, by the same rules.

    Attributes:
        table: Name of the cost table.
        node: Process of the cost table.
        numbers: Format of weights and sums, a key of `NUMBERS`.
        snn: The spiking network.
        cnn: The CNN.
    """

    table: str
    node: str
    numbers: str
    snn: NetworkEnergy
    cnn: NetworkEnergy

    @property
    def ratio(self) -> float | None:
        """Total energy of the spiking network over the CNN's; None for a CNN without operations."""
        return self.snn.total / self.cnn.total if self.cnn.total else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: uJ per sample."""
        named = {name: getattr(self, name) for name in ("table", "node", "numbers", "ratio")}
        return {**named, "snn": self.snn.to_dict(), "cnn": self.cnn.to_dict(), "left_out": LEFT_OUT}


def energy(
    activity: Activity,
    costs: str | CostTable = "horowitz-45nm",
    numbers: str = "float32",
    *,
    weighted_spikes: bool = False,
) -> Energy:
    """Return the energy of a run per sample, and the CNN's.

    Args:
        activity: Operations of the run.
        costs: Cost table: its name, a .toml or .json file, or the table itself.
        numbers: "float32", or "int8" for 8-bit weights and values with 32-bit sums.
        weighted_spikes: Whether a synaptic operation multiplies a weight with the value of its
            spike, as in first-spike networks.

    Raises:
        OptionError: an unknown table or format, or a table without the cost of an operation.
    """
    table = table_for(numbers, costs)
    prices = _Prices(table, numbers, activity.storage)
    return Energy(
        table=table.name,
        node=table.node,
        numbers=numbers,
        snn=_in_microjoules(*_spiking(activity, prices, weighted_spikes)),
        cnn=_in_microjoules(*_dense(activity, prices)),
    )


def table_for(numbers: str, costs: str | CostTable) -> CostTable:
    """Return a cost table that has the costs of this format of numbers.

    Args:
        numbers: A key of `NUMBERS`.
        costs: As for `energy`.

    Raises:
        OptionError: an unknown table or format, or a table without the cost of an operation.
    """
    table = cost_table(costs)
    if numbers not in NUMBERS:
        raise OptionError(f"numbers={numbers!r}; allowed: {', '.join(map(repr, NUMBERS))}")
    _Prices(table, numbers, Storage())
    return table


class _Prices:
    """pJ of each operation and of each access for one format of numbers."""

    def __init__(self, table: CostTable, numbers: str, storage: Storage) -> None:
        self.bits, self.sum_bits = NUMBERS[numbers]
        self.table, self.storage = table, storage
        if numbers == "float32":
            self.add = _listed(table, "float32_add")
            self.multiply = _listed(table, "float32_multiply")
            self.shift = _EXPONENT_BITS * table.add_per_bit
        else:
            self.add = self.sum_bits * table.add_per_bit
            self.multiply = _listed(table, "int8_multiply")
            self.shift = self.sum_bits * table.shift_per_bit
        self.weight = self._word(storage.weights, self.bits)
        self.value = self._word(storage.values, self.bits)
        self.potential = self._word(storage.potentials, self.sum_bits)

    def _word(self, words: int, bits: int) -> float:
        """Return the pJ of one access to a memory of so many words."""
        return self.table.memory(words * bits / 8 / 1024, bits)

    def spikes(self, activity: Activity) -> float:
        """Return the pJ of writing and reading all spikes."""
        address = max(1, math.ceil(math.log2(max(self.storage.neurons, 2))))
        # One of the smallest memories: a queue of spikes.
        return 2 * (
            activity.spikes * self.table.memory(0, address)
            + activity.payload_bits * self.table.memory(0, 1)
        )


def _listed(table: CostTable, name: str) -> float:
    cost: float | None = getattr(table, name)
    if cost is None:
        raise OptionError(f"cost table {table.name!r} has no {name}; add it to the table")
    return cost


_Costs = dict[str, float]


def _spiking(activity: Activity, prices: _Prices, weighted: bool) -> tuple[_Costs, _Costs]:
    """Return operations and memory traffic of a spiking network, in pJ."""
    add, multiply = prices.add, prices.add + prices.multiply
    synapses = activity.accumulates * (multiply if weighted else add)
    operations = {
        "synapses": synapses + activity.shift_adds * (add + prices.shift),
        "multiply_accumulates": activity.macs * multiply,
        "membranes": activity.membrane_updates * 2 * add,
        "comparisons": activity.comparisons * add,
    }
    touched = activity.synaptic_operations + activity.membrane_updates
    traffic = {
        "weights": (activity.synaptic_operations + activity.macs) * prices.weight,
        "potentials": 2 * touched * prices.potential,
        "values": activity.macs * prices.value,
        "spikes": prices.spikes(activity),
    }
    return operations, traffic


def _dense(activity: Activity, prices: _Prices) -> tuple[_Costs, _Costs]:
    """Return operations and memory traffic of the CNN, in pJ."""
    macs, written = activity.cnn_macs, activity.storage.sums
    operations = {"multiply_accumulates": macs * (prices.add + prices.multiply)}
    traffic = {"weights": macs * prices.weight, "values": (macs + written) * prices.value}
    return operations, traffic


def _in_microjoules(operations: _Costs, traffic: _Costs) -> NetworkEnergy:
    return NetworkEnergy(
        {name: pj * 1e-6 for name, pj in operations.items()},
        {name: pj * 1e-6 for name, pj in traffic.items()},
    )
