"""A converted network as it is: its layers, thresholds and weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spkeras.metrics.evaluation import plain
from spkeras.report.numbers import count, small
from spkeras.report.tables import Table


@dataclass(frozen=True)
class LayerRange:
    """One layer of the graph.

    Attributes:
        name: The layer's name.
        kind: Its operation.
        inputs: Names of the layers it reads.
        size: Number of its elements.
        low, high: Least and largest weight or threshold; None without any.
        shape: Shape of its output without the batch.
        neuron: Neuron model; "" for other layers.
        start: Step, from 1, at which it starts; None where layers do not start one by one.
        bits: Bits of its weights, sign included, or of its thresholds; None for real numbers.
        codes: Least and largest weight or threshold as a whole number; None for real numbers.
        unit: Least and largest value of a whole 1: of a weight in the stored weights, of a
            potential in thresholds before the rounding, of a received sum in the output.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    size: int
    low: float | None = None
    high: float | None = None
    shape: tuple[int, ...] = ()
    neuron: str = ""
    start: int | None = None
    bits: int | None = None
    codes: tuple[int, int] | None = None
    unit: tuple[float, float] | None = None


@dataclass(frozen=True)
class Summary:
    """A converted network as it is; prints itself as a table.

    Attributes:
        name: The network's name.
        run: T, schedule and latency in words.
        settings: Options of the conversion and of the simulation.
        layers: Layers of the graph, in order.
        notes: What the conversion did beside the rule.
    """

    name: str
    run: str
    settings: Mapping[str, Any]
    layers: tuple[LayerRange, ...]
    notes: tuple[str, ...]

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return sum(layer.size for layer in self.layers if layer.neuron)

    def table(self) -> Table:
        """Return the layers as a table."""
        staged = any(layer.start for layer in self.layers)
        whole = any(layer.unit for layer in self.layers)
        header = ["layer", "operation", "shape", *(["start"] if staged else []), "size"]
        rows = [
            (
                layer.name,
                layer.neuron or layer.kind,
                "x".join(map(str, layer.shape)),
                *(["" if layer.start is None else str(layer.start)] if staged else []),
                count(layer.size),
                small(layer.low),
                small(layer.high),
                *(_whole(layer) if whole else []),
            )
            for layer in self.layers
        ]
        title = "Layers; least and largest weight, or threshold"
        header += ["least", "largest", *(["bits", "whole", "a whole 1 is"] if whole else [])]
        return Table(title, tuple(header), tuple(rows), words=frozenset({0, 1, 2}))

    def __str__(self) -> str:
        # Imports rich, which reading a record does not need.
        from spkeras.report.terminal import to_text

        shown = (f"{name} {value}" for name, value in self.settings.items() if value is not None)
        lines = [f"{self.name}: {self.run}, {count(self.neurons)} neurons", ", ".join(shown), ""]
        return "\n".join([*lines, to_text([self.table()]), *(f"  - {note}" for note in self.notes)])

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        names = ("name", "run", "settings", "neurons", "notes")
        record = {name: getattr(self, name) for name in names}
        layers = [vars(layer) for layer in self.layers]
        return {name: plain(value) for name, value in {**record, "layers": layers}.items()}


def _whole(layer: LayerRange) -> list[str]:
    """Return the cells of a layer's whole numbers."""
    codes = "" if layer.codes is None else f"{layer.codes[0]} to {layer.codes[1]}"
    low, high = layer.unit or (None, None)
    unit = small(low) if low == high else f"{small(low)} to {small(high)}"
    return ["" if layer.bits is None else str(layer.bits), codes, unit]
