"""Cells and flip-flops of the processing element at several widths, by Yosys.

python tests/benchmarks/synthesis.py
"""

import re
import shutil
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

from spkeras.hardware.log_ttfs.arithmetic import mantissa_table
from spkeras.hardware.log_ttfs.images import hex_words

WIDTHS = ((16, 8), (24, 12), (32, 12), (48, 20))
GRID = 4


def synthesised(accumulator, table, folder):
    """Return (cells, flip-flops) of one processing element."""
    source = files("spkeras.hardware.log_ttfs") / "verilog" / "log_ttfs_pe.v"
    words = mantissa_table(GRID, table).tolist()
    (folder / "mantissa.hex").write_text(hex_words(words, table))
    script = (
        f"read_verilog {source}; chparam -set ACCUMULATOR_BITS {accumulator} -set TABLE_BITS {table} "
        "log_ttfs_pe; synth -flatten -top log_ttfs_pe; stat"
    )
    command = ["yosys", "-p", script]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    text = done.stdout.rsplit("Number of cells", 1)[1]
    cells = int(re.search(r"\d+", text).group())
    return cells, sum(int(number) for number in re.findall(r"DFF\w*\s+(\d+)", text))


def main():
    if shutil.which("yosys") is None:
        raise SystemExit("not run: no yosys (apt-get install yosys)")
    for accumulator, table in WIDTHS:
        with tempfile.TemporaryDirectory() as folder:
            cells, flips = synthesised(accumulator, table, Path(folder))
        print(f"| {accumulator} | {table} | {cells} | {flips} |")


if __name__ == "__main__":
    main()
