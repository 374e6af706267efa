"""Golden vectors of a program in a Verilog simulator."""

import re
import shutil
import subprocess  # nosec B404
import tempfile
from dataclasses import dataclass
from pathlib import Path

from spkeras.errors import OptionError
from spkeras.hardware.log_ttfs.benches import command
from spkeras.hardware.log_ttfs.images import write_images
from spkeras.hardware.log_ttfs.program import Program
from spkeras.ops.progress import Progress, quiet

SIMULATORS = {"verilator": "verilator", "icarus": "iverilog"}
_RESULT = re.compile(r": (\d+) values, (\d+) different$")


@dataclass(frozen=True)
class LayerSimulation:
    """One layer in a Verilog simulator.

    Attributes:
        name: Name of the layer.
        values: Number of spike times, of a read-out sums, that were compared.
        different: Number of them that differ from the golden vectors.
        first: Lines on the first differences.
    """

    name: str
    values: int
    different: int
    first: tuple[str, ...]


def simulator(name: str | None = None) -> str:
    """Return the simulator to use: as named, or the first that is installed.

    Raises:
        OptionError: it is not installed, or none is.
    """
    if name is None:
        found = [tool for tool, program in SIMULATORS.items() if shutil.which(program)]
        if not found:
            raise OptionError(
                "simulator: none is installed; allowed: Icarus Verilog or Verilator; run `apt-get "
                "install iverilog`"
            )
        return found[-1]
    if name not in SIMULATORS:
        raise OptionError(f"simulator={name!r}; allowed: {', '.join(SIMULATORS)}")
    if shutil.which(SIMULATORS[name]) is None:
        raise OptionError(
            f"simulator={name!r}: is not installed; run `apt-get install {SIMULATORS[name]}`"
        )
    return name


def simulate(
    program: Program, tool: str | None = None, *, stride: int = 1, progress: Progress = quiet
) -> tuple[LayerSimulation, ...]:
    """Run the golden vectors of every layer through the Verilog of the processor.

    Args:
        program: A program with golden vectors.
        tool: "icarus" or "verilator"; None for Icarus where it is installed.
        stride: Every `stride`-th neuron of a layer is computed.
        progress: Called with (layers done, layers).

    Raises:
        DataError: the program has no golden vectors.
        OptionError: the simulator is not installed, or fails.
    """
    chosen = simulator(tool)
    found = []
    with tempfile.TemporaryDirectory(prefix="spkeras-verilog-") as place:
        folder = Path(place) / "images"
        write_images(program, folder)
        for number, layer in enumerate(program.layers):
            lines: list[str] = []
            for words in command(chosen, number, stride):
                lines = _lines(words, folder)
            counts = [match for line in lines if (match := _RESULT.search(line))]
            if len(counts) != 1:
                raise OptionError(f"{layer.name}: {chosen} gave no result: {' '.join(lines[-3:])}")
            values, different = map(int, counts[0].groups())
            first = tuple(line for line in lines if ", golden " in line)
            found.append(LayerSimulation(layer.name, values, different, first))
            progress(number + 1, len(program.layers))
    return tuple(found)


def _lines(words: list[str], folder: Path) -> list[str]:
    """Return the lines that a command prints."""
    done = subprocess.run(  # nosec B603
        words, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise OptionError(f"{words[0]}: failed: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout.splitlines()
