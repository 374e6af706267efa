"""A log-TTFS processor, emulated bit for bit with additions, shifts and small tables.

    program = log_ttfs.compile(cat_trained_model)
    result = log_ttfs.run(program, x_test, y_test)

All values from the input port to the read-out are whole numbers. `docs/hardware.md` describes
the arithmetic, with the source of each part.
"""

from typing import TYPE_CHECKING

from spkeras.hardware.config import HardwareConfig
from spkeras.hardware.log_ttfs.compile import compile_plan
from spkeras.hardware.log_ttfs.datapath import whole_inputs
from spkeras.hardware.log_ttfs.file import load_program, save_program
from spkeras.hardware.log_ttfs.golden import check_golden, random_inputs, with_golden
from spkeras.hardware.log_ttfs.program import Program
from spkeras.hardware.log_ttfs.run import RunResult, run_program
from spkeras.metrics.costs import CostTable
from spkeras.ops.arrays import Samples
from spkeras.ops.progress import Progress, quiet

if TYPE_CHECKING:
    import keras

    from spkeras.graph import Graph


__all__ = [
    "CostTable",
    "HardwareConfig",
    "Program",
    "RunResult",
    "check_golden",
    "compile",
    "load_program",
    "run",
    "save_program",
]


def compile(
    model: "keras.Model | Graph",
    config: HardwareConfig | None = None,
    samples: Samples | None = None,
) -> Program:
    """Compile a model trained with TTFS activations (conversion-aware training) to a program.

    Args:
        model: A Keras model, or a graph that was read from one.
        config: Widths and sizes; None for the defaults of `HardwareConfig`.
        samples: Inputs for the golden vectors, (samples, ...), or a list of them for several
            inputs; None for random ones.

    Returns:
        The program, with golden vectors.

    Raises:
        UnsupportedLayerError: the model was not trained with these activations, or it has a
            layer that cannot be computed.
        OptionError: the widths cannot hold the sums.
        DataError: the samples do not fit.
    """
    from spkeras.frontend.walk import read_graph
    from spkeras.graph import Graph
    from spkeras.ttfs.lower import lower

    graph = model if isinstance(model, Graph) else read_graph(model)
    program = compile_plan(lower(graph), config or HardwareConfig())
    if samples is None:
        return with_golden(program, random_inputs(program))
    return with_golden(program, whole_inputs(program, samples))


def run(
    program: Program,
    inputs: Samples,
    labels: Samples | None = None,
    *,
    batch_size: int = 50,
    costs: str | CostTable = "horowitz-45nm",
    reference: bool = False,
    progress: Progress = quiet,
) -> RunResult:
    """Run a program over samples; see `spkeras.hardware.log_ttfs.run.run_program`."""
    return run_program(
        program,
        inputs,
        labels,
        batch_size=batch_size,
        costs=costs,
        reference=reference,
        progress=progress,
    )
