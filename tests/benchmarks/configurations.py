"""Sweeps: the same network compiled for many configurations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spkeras.errors import OptionError
from spkeras.hardware.config import HardwareConfig
from spkeras.hardware.log_ttfs.compile import compile_plan
from spkeras.hardware.log_ttfs.datapath import whole_inputs
from spkeras.hardware.log_ttfs.energy import Energy
from spkeras.hardware.log_ttfs.labels import check_labels
from spkeras.hardware.log_ttfs.program import Program
from spkeras.hardware.log_ttfs.run import Course, account, execute
from spkeras.metrics.costs import CostTable, cost_table
from spkeras.ttfs.plan import FirstSpikePlan

# Fields that do not affect the data path: one run serves all their values.
ACCOUNTED = ("pe_count", "clock_hz", "weight_kib", "membrane_kib", "costs")


@dataclass(frozen=True)
class SweepPoint:
    """Result of one configuration.

    Attributes:
        value: Value of the swept field.
        accuracy: Share of correct decisions; None where the program is refused.
        energy: Estimated energy for one sample.
        cycles: Cycles of the processing elements, for one sample.
        seconds: Duration of these cycles.
        refused: Reason why there is no program; "" where there is one.
    """

    value: Any
    accuracy: float | None = None
    energy: Energy | None = None
    cycles: float | None = None
    seconds: float | None = None
    refused: str = ""


def sweep(
    plan: FirstSpikePlan,
    field: str,
    values: Sequence[Any],
    inputs: Any,
    labels: Any,
    config: HardwareConfig | None = None,
    costs: str | CostTable = "horowitz-45nm",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[SweepPoint, ...]:
    """Compile and run a plan once for each value of one field of the configuration.

    Weights are rounded to each format, and values are coded with each T and tau, without a new
    training.

    Args:
        plan: Plan from `spkeras.ttfs.lower.lower`.
        field: A field of `HardwareConfig`, or "costs" for cost tables.
        values: Values of the field.
        inputs: Samples.
        labels: Classes of the samples.
        config: Configuration with all other fields.
        costs: Cost table.
        progress: Callback that receives (values done, values).

    Raises:
        OptionError: the field is unknown, or a value is out of its range.
    """
    config = config or HardwareConfig()
    allowed = (*config.get_config(), "costs")
    if field not in allowed:
        raise OptionError(f"field={field!r}; allowed: {', '.join(allowed)}")
    points = []
    course: tuple[Program, Course] | None = None
    truth: Sequence[np.ndarray | None] = ()
    for done, value in enumerate(values, start=1):
        changed = config if field == "costs" else replace(config, **{field: value})
        table = cost_table(value if field == "costs" else costs)
        try:
            if course is None or field not in ACCOUNTED:
                program = compile_plan(plan, changed)
                whole = whole_inputs(program, inputs)
                truth = check_labels(program, labels, len(whole[0]))
                course = program, execute(program, whole)
        except OptionError as error:
            # A width that cannot hold the network is a result, too.
            points.append(SweepPoint(value, refused=str(error)))
        else:
            points.append(_point(value, *course, config=changed, labels=truth, table=table))
        progress(done, len(values))
    return tuple(points)


def _point(
    value: Any,
    program: Program,
    course: Course,
    config: HardwareConfig,
    labels: Sequence[np.ndarray | None],
    table: CostTable,
) -> SweepPoint:
    own = {name: getattr(config, name) for name in ACCOUNTED if name != "costs"}
    priced = replace(program, config=replace(program.config, **own))
    result = account(priced, course, labels, table)
    named = value.name if isinstance(value, CostTable) else value
    return SweepPoint(
        value=named,
        accuracy=result.accuracy,
        energy=result.energy,
        cycles=result.total.cycles,
        seconds=result.seconds,
    )
