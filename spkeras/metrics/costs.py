"""Costs of single operations: tables with their sources, and tables read from a file."""

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from spkeras.errors import OptionError


@dataclass(frozen=True)
class CostTable:
    """Energy of single operations, in pJ.

    Attributes:
        name: Name of the table.
        source: Publication of the numbers.
        node: Process and voltage.
        add_per_bit: An integer addition or comparison, per bit of its width.
        shift_per_bit: A shift by a variable amount, per bit of its width.
        table_read: A read of the mantissa table, a few entries of logic.
        sram: (KiB, pJ) of reading 64 bits from an on-chip memory of that size, rising.
        dram: pJ of reading 64 bits from off-chip memory.
        int8_multiply: A product of two 8-bit integers; None where the source has none, as the
            next two: a network whose operations need it is refused.
        float32_add: An addition or comparison of 32-bit floats.
        float32_multiply: A product of 32-bit floats.
    """

    name: str
    source: str
    node: str
    add_per_bit: float
    shift_per_bit: float
    table_read: float
    sram: tuple[tuple[int, float], ...]
    dram: float
    int8_multiply: float | None = None
    float32_add: float | None = None
    float32_multiply: float | None = None

    def memory(self, kib: float, bits: int) -> float:
        """Return the pJ of reading or writing one word of `bits` bits on the chip.

        A size between two of the table costs as the larger one. Beyond the last one, energy grows
        with the root of the size, as the lengths of word and bit lines do.
        """
        for size, cost in self.sram:
            if kib <= size:
                return cost * bits / 64
        size, cost = self.sram[-1]
        return cost * math.sqrt(kib / size) * bits / 64

    def offchip(self, bits: int) -> float:
        """Return the pJ of reading one word of `bits` bits from off-chip memory."""
        return self.dram * bits / 64


_NOT_LISTED = (
    "A shift is taken as an addition of its width and the table of a few entries as an 8-bit "
    "addition, which the source does not list; writes as reads; no clock tree, no leakage"
)

HOROWITZ_45NM = CostTable(
    name="horowitz-45nm",
    source="M. Horowitz, 'Computing's energy problem', ISSCC 2014, fig. 1.1.9: integer add 0.03 pJ (8 "
    "bit), 0.1 pJ (32 bit), multiply 0.2 pJ (8 bit); 32-bit float add 0.9 pJ, multiply 3.7 pJ; 64-bit "
    "SRAM read 10 pJ (8 KB), 20 pJ (32 KB), 100 pJ (1 MB); DRAM 1.3 to 2.6 nJ, of which the lower "
    f"end. {_NOT_LISTED}",
    node="45 nm, 0.9 V",
    add_per_bit=0.1 / 32,
    shift_per_bit=0.1 / 32,
    table_read=0.03,
    sram=((8, 10.0), (32, 20.0), (1024, 100.0)),
    dram=1300.0,
    int8_multiply=0.2,
    float32_add=0.9,
    float32_multiply=3.7,
)

JOUPPI_7NM = CostTable(
    name="jouppi-7nm",
    source="N. P. Jouppi et al., 'Ten lessons from three generations shaped Google's TPUv4i', ISCA 2021, "
    "table 2: integer add 0.007 pJ (8 bit), 0.03 pJ (32 bit), multiply 0.07 pJ (8 bit); 32-bit float "
    "add 0.38 pJ, multiply 1.31 pJ; 64-bit SRAM read 7.5 pJ (8 KB), 8.5 pJ (32 KB), 14 pJ (1 MB); "
    f"DDR3/4 1.3 nJ (quoted second hand). {_NOT_LISTED}",
    node="7 nm",
    add_per_bit=0.03 / 32,
    shift_per_bit=0.03 / 32,
    table_read=0.007,
    sram=((8, 7.5), (32, 8.5), (1024, 14.0)),
    dram=1300.0,
    int8_multiply=0.07,
    float32_add=0.38,
    float32_multiply=1.31,
)

COST_TABLES = {table.name: table for table in (HOROWITZ_45NM, JOUPPI_7NM)}


_FILES = {".json": json.loads, ".toml": tomllib.loads}


def cost_table(costs: str | Path | CostTable) -> CostTable:
    """Return the cost table of that name or file.

    Args:
        costs: A table; a key of `COST_TABLES`; or the path of a .toml or .json file whose keys are
            the fields of `CostTable`, with `sram` a list of [KiB, pJ].

    Raises:
        OptionError: the name is unknown, or the file does not hold a table.
    """
    if isinstance(costs, CostTable):
        return costs
    if costs in COST_TABLES:
        return COST_TABLES[str(costs)]
    path = Path(costs)
    if path.suffix.lower() in _FILES:
        return _read(path)
    raise OptionError(
        f"cost table {str(costs)!r}; allowed: {', '.join(COST_TABLES)}, or a .toml or .json file"
    )


def _read(path: Path) -> CostTable:
    try:
        values = _FILES[path.suffix.lower()](path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise OptionError(f"{path}: cannot be read as a cost table ({error})") from error
    known = {field.name: field.default is MISSING for field in fields(CostTable)}
    needed = {name for name, required in known.items() if required}
    if not isinstance(values, dict) or not needed <= set(values) <= set(known):
        found = sorted(values) if isinstance(values, dict) else type(values).__name__
        more = ", ".join(name for name in known if name not in needed)
        raise OptionError(
            f"{path}: a cost table holds {', '.join(sorted(needed))}, and may hold {more}; "
            f"received {found}"
        )
    for name in ("name", "source", "node"):
        if not isinstance(values[name], str) or not values[name]:
            raise OptionError(f"{path}: {name}={values[name]!r}; give text, the source above all")
    single = set(values) - {"name", "source", "node", "sram"}
    costs = {name: _cost(path, name, values[name]) for name in single if values[name] is not None}
    return CostTable(**{**values, **costs, "sram": _sizes(path, values)})


def _cost(path: Path, name: str, value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < math.inf:
        raise OptionError(f"{path}: {name}={value!r}; give pJ, 0 or more")
    return float(value)


def _sizes(path: Path, values: Mapping[str, Any]) -> tuple[tuple[int, float], ...]:
    """Return the checked sizes and costs of on-chip memories."""
    given = values["sram"]
    pairs = isinstance(given, list) and all(isinstance(p, list) and len(p) == 2 for p in given)
    if not given or not pairs:
        raise OptionError(f"{path}: sram={given!r}; give [[KiB, pJ for 64 bits], ...]")
    sizes = tuple((int(_cost(path, "sram", k)), _cost(path, "sram", pj)) for k, pj in given)
    if sizes[0][0] < 1 or any(a[0] >= b[0] for a, b in zip(sizes, sizes[1:], strict=False)):
        raise OptionError(f"{path}: sram={given!r}; give rising sizes from 1 KiB")
    return sizes
