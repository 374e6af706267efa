"""What a width is worth: the same network compiled for many configurations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spkeras.errors import OptionError
from spkeras.hardware.log_ttfs.compile import compile_plan
from spkeras.hardware.log_ttfs.config import HardwareConfig
from spkeras.hardware.log_ttfs.run import run_program
from spkeras.ttfs.plan import Plan


@dataclass(frozen=True)
class SweepPoint:
    """One configuration.

    Attributes:
        value: Of the field that is swept.
        accuracy: Share of right decisions; None where the program is refused.
        energy_uj: Estimated, for one sample.
        cycles: Of the processing elements, for one sample.
        refused: Why there is no program; "" where there is one.
    """

    value: Any
    accuracy: float | None = None
    energy_uj: float | None = None
    cycles: float | None = None
    refused: str = ""


def sweep(
    plan: Plan,
    field: str,
    values: Sequence[Any],
    inputs: np.ndarray,
    labels: np.ndarray,
    config: HardwareConfig | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[SweepPoint, ...]:
    """Compile and run a plan once for each value of one field of the configuration.

    Weights are rounded to each format as they are: nothing is trained again.

    Args:
        plan: From `spkeras.ttfs.lower.lower`.
        field: A field of `HardwareConfig`.
        values: What to set it to.
        inputs: Samples.
        labels: Their classes.
        config: All other fields.
        progress: Told (values done, values).

    Raises:
        OptionError: no such field, or a value that the field itself does not allow.
    """
    config = config or HardwareConfig()
    if field not in config.to_dict():
        raise OptionError(f"field={field!r}; allowed: {', '.join(config.to_dict())}")
    points = []
    for done, value in enumerate(values, start=1):
        changed = replace(config, **{field: value})
        try:
            program = compile_plan(plan, changed)
        except OptionError as error:
            # A width that holds no network is a result of its own.
            points.append(SweepPoint(value, refused=str(error)))
        else:
            result = run_program(program, inputs, labels)
            points.append(
                SweepPoint(value, result.accuracy, result.energy.total, result.total.cycles)
            )
        progress(done, len(values))
    return tuple(points)
