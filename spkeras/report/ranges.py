"""Ranges of the potentials of a network of whole numbers."""

from dataclasses import asdict, dataclass
from typing import Any

from spkeras.report.numbers import count
from spkeras.report.tables import Table


@dataclass(frozen=True)
class PotentialRange:
    """Ranges of one layer of neurons.

    Attributes:
        name: The layer.
        threshold: Its largest threshold.
        current: Bounds of the current of one step.
        bound: Bounds of the potential in a run: no input exceeds them.
        bound_bits: Bits of a potential, sign included, that hold them.
        seen: Lowest and highest potential of the run, before its range is applied; None without
            a run.
        seen_bits: Bits that hold those.
    """

    name: str
    threshold: int
    current: tuple[int, int]
    bound: tuple[int, int]
    bound_bits: int
    seen: tuple[int, int] | None = None
    seen_bits: int | None = None


@dataclass(frozen=True)
class PotentialRanges:
    """Ranges of all layers of neurons; prints itself as a table.

    Attributes:
        name: The network.
        timesteps: T.
        samples: Number of samples of the run; 0 without one.
        membrane_bits: Bits of a potential of the network.
        layers: One entry per layer.
    """

    name: str
    timesteps: int
    samples: int
    membrane_bits: int
    layers: tuple[PotentialRange, ...]

    @property
    def needed_bits(self) -> int:
        """Bits that hold all potentials of the run, or of any run if there is none."""
        return max((layer.seen_bits or layer.bound_bits for layer in self.layers), default=0)

    def table(self) -> Table:
        """Return the layers as a table."""
        rows = tuple(
            (
                layer.name,
                count(layer.threshold),
                *(f"{low} to {high}" for low, high in (layer.current, layer.bound)),
                str(layer.bound_bits),
                *([] if layer.seen is None else [f"{layer.seen[0]} to {layer.seen[1]}"]),
                *([] if layer.seen_bits is None else [str(layer.seen_bits)]),
            )
            for layer in self.layers
        )
        header: tuple[str, ...] = ("layer", "threshold", "current", "bound", "bits")
        title = (
            f"Potentials of {self.membrane_bits} bits, T = {self.timesteps}: bounds of any input"
        )
        if self.samples:
            header = (*header, "seen", "bits")
            title += f", and values of {count(self.samples)} samples before the range is applied"
        return Table(title, header, rows)

    def __str__(self) -> str:
        # Imports rich, which reading a record does not need.
        from spkeras.report.terminal import to_text

        return to_text([self.table()])

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "needed_bits": self.needed_bits}
