"""The Verilog of the processing element against golden vectors of whole layers, bit for bit."""

import shutil
import subprocess
from importlib.resources import files

import numpy as np
import pytest

from spkeras.errors import OptionError
from spkeras.hardware import log_ttfs
from spkeras.hardware.log_ttfs.simulate import simulate
from tests.hardware.conftest import quantized
from tests.hardware.verilog_bench import layer_bench
from tests.ttfs.nets import branched, chain, pixels

SOURCES = [
    str(files("spkeras.hardware.log_ttfs") / "verilog" / f"log_ttfs_{name}.v")
    for name in ("pe", "fire", "bench")
]
ICARUS = pytest.mark.skipif(
    shutil.which("iverilog") is None, reason="no Icarus Verilog (apt-get install iverilog)"
)
VERILATOR = pytest.mark.skipif(
    shutil.which("verilator") is None, reason="no Verilator (apt-get install verilator)"
)


def simulated(bench, folder):
    """(sums, spikes, clipped) of each neuron, as Icarus finds them."""
    for name, text in bench.files.items():
        (folder / name).write_text(text)
    defined = [f"-Plog_ttfs_bench.{name}={value}" for name, value in bench.parameters.items()]
    build = ["iverilog", "-g2005", "-o", "bench", "-s", "log_ttfs_bench", *defined, *SOURCES]
    subprocess.run(build, cwd=folder, check=True, timeout=120)
    subprocess.run(["vvp", "-n", "bench"], cwd=folder, check=True, timeout=300)
    return np.loadtxt(folder / "answers.txt", dtype=np.int64, ndmin=2).T


@ICARUS
@pytest.mark.parametrize("name", ["first", "second"])
def test_whole_layers_bit_for_bit(chain_program, name, tmp_path):
    bench = layer_bench(chain_program, name, sample=1)
    sums, spikes, clipped = simulated(bench, tmp_path)
    layer = chain_program.by_name[name]
    assert len(sums) == layer.positions * layer.channels
    np.testing.assert_array_equal(sums, bench.sums)
    np.testing.assert_array_equal(spikes, bench.spikes)
    assert len(np.unique(spikes)) > 5 and not clipped.any()


CONFIGS = {
    "cut off": {"weight_steps": 1, "table_bits": 6, "fraction_bits": 2},
    "left and right": {"weight_steps": 8, "weight_bits": 8, "table_bits": 10, "fraction_bits": -1},
    "clipping": {"weight_steps": 2, "accumulator_bits": 15, "fraction_bits": 3, "saturate": True},
    "wide": {"weight_steps": 4, "table_bits": 20, "accumulator_bits": 48},
}


@ICARUS
@pytest.mark.parametrize("case", CONFIGS)
@pytest.mark.parametrize("name", ["joined", "wide"])
def test_other_widths_residuals_and_clipping(case, name, tmp_path):
    config = log_ttfs.HardwareConfig(**CONFIGS[case])
    program = log_ttfs.compile(branched(12, 2), config, pixels((8, 8, 3), 1))
    bench = layer_bench(program, name)
    sums, spikes, clipped = simulated(bench, tmp_path)
    np.testing.assert_array_equal(sums, bench.sums)
    np.testing.assert_array_equal(spikes, bench.spikes)
    if case == "clipping" and program.by_name[name].needed_bits > 15:
        assert clipped.any() or name == "wide"


@ICARUS
def test_one_exponent_an_octave(tmp_path):
    """G = 1: a table of a single entry, and no fraction to select it with."""
    config = log_ttfs.HardwareConfig(weight_steps=1, table_bits=3)
    program = log_ttfs.compile(quantized(chain(9, 1)), config, pixels((6, 6, 2), 1))
    bench = layer_bench(program, "second")
    sums, spikes, _ = simulated(bench, tmp_path)
    np.testing.assert_array_equal(sums, bench.sums)
    np.testing.assert_array_equal(spikes, bench.spikes)


@ICARUS
@pytest.mark.parametrize("case", CONFIGS)
def test_layers_from_their_memory_images(case):
    """Padding, strides, pools, residual branches, concatenation, encoders and read-outs."""
    config = log_ttfs.HardwareConfig(**CONFIGS[case])
    program = log_ttfs.compile(branched(12, 2), config, pixels((8, 8, 3), 1))
    found = simulate(program, "icarus")
    assert [layer.name for layer in found] == list(program.by_name)
    assert all(
        layer.values == len(program.golden[name].ravel())
        for layer, name in zip(
            found,
            [
                *("times/" + known.name for known in program.layers[:-1]),
                "output/" + program.readout.name,
            ],
            strict=True,
        )
    )
    assert not any(layer.different for layer in found), found


@VERILATOR
@pytest.mark.parametrize("grid", [0, 1, 2, 3])
def test_sources_are_lint_clean(grid):
    for top, sources in (("log_ttfs_pe", SOURCES[:1]), ("log_ttfs_fire", SOURCES[1:2])):
        given = [f"-GGRID_LOG={grid}"] if top == "log_ttfs_pe" else [f"-GTIMESTEPS={2 ** grid}"]
        command = ["verilator", "--lint-only", "-Wall", "--top-module", top, *given, *sources]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr


def test_only_layers_of_neurons_have_a_bench(chain_program):
    with pytest.raises(OptionError, match="not a layer of neurons"):
        layer_bench(chain_program, "code")
