"""Counts by brute force, energy by hand."""

from dataclasses import replace

import numpy as np
import pytest

from spkeras.hardware import log_ttfs
from spkeras.hardware.log_ttfs.costs import HOROWITZ_45NM
from spkeras.hardware.log_ttfs.datapath import run_batch, whole_inputs
from spkeras.hardware.log_ttfs.energy import energy
from spkeras.hardware.log_ttfs.operations import Operations
from spkeras.hardware.log_ttfs.reference import ABSENT, arrivals
from spkeras.ttfs.plan import NEURONS, READOUT
from tests.ttfs.nets import branched, pixels


@pytest.fixture(scope="module")
def narrow():
    """A program whose products are cut off and lost."""
    config = log_ttfs.HardwareConfig(
        weight_steps=1, table_bits=6, fraction_bits=4, accumulator_bits=24, pe_count=4
    )
    return log_ttfs.compile(branched(12, 2), config, pixels((8, 8, 3), 1))


def brute(program, layer, times):
    """Each synapse of each neuron, one by one."""
    samples = len(next(iter(times.values())))
    synaptic = lost = 0
    flat = np.arange(layer.positions * layer.channels)
    for sample in range(samples):
        neurons = np.full_like(flat, sample), flat // layer.channels, flat % layer.channels
        codes, steps, products = arrivals(program, layer, times, neurons)
        there = (codes != ABSENT) & (steps < program.timesteps)
        synaptic += int(there.sum())
        lost += int((there & (products == 0)).sum())
    return synaptic, lost


def test_operations_are_those_of_every_synapse(narrow):
    images = pixels((8, 8, 3), 2, seed=4)
    result = log_ttfs.run(narrow, images)
    times = run_batch(narrow, whole_inputs(narrow, images), None).times
    by_name = {layer.name: layer for layer in result.layers}
    lost = 0
    for layer in narrow.layers:
        found = by_name[layer.name].operations
        if layer.name in times:
            fired = times[layer.name] < narrow.timesteps
            assert found.spikes == fired.sum() / 2
        if layer.kind in (NEURONS, READOUT):
            synaptic, gone = brute(narrow, layer, times)
            assert (found.synaptic * 2, found.lost * 2) == (synaptic, gone), layer.name
            lost += gone
        if layer.kind == NEURONS:
            compared = np.minimum(times[layer.name].astype(int) + 1, narrow.timesteps).sum()
            assert found.comparisons == compared / 2
            assert found.membrane_words == 2 * found.synaptic + found.comparisons
    assert lost > 0 and result.total.cut > result.total.lost
    assert result.total.spikes == sum(layer.operations.spikes for layer in result.layers)


def test_shortcuts_read_no_weights(narrow):
    result = log_ttfs.run(narrow, pixels((8, 8, 3), 1))
    joined = next(layer for layer in result.layers if layer.name == "joined").operations
    assert 0 < joined.weight_words < joined.synaptic


def test_cycles_by_hand(chain_program):
    """Every spike takes one cycle for each position it reaches and each group of channels."""
    program = replace(chain_program, config=replace(chain_program.config, pe_count=2))
    quiet = np.zeros((1, 6, 6, 2), int)
    one = quiet.copy()
    one[0, 0, 0, 1] = 255
    cycles = [
        {layer.name: layer.operations.cycles for layer in log_ttfs.run(program, x).layers}
        for x in (quiet, one)
    ]
    # A corner reaches 2 x 2 positions; 5 channels make 3 groups of 2.
    assert cycles[1]["first"] - cycles[0]["first"] == 4 * 3
    # 36 x 5 neurons in pairs compare over 10 steps.
    assert cycles[0]["first"] == 10 * 90


def test_energy_by_hand():
    config = log_ttfs.HardwareConfig(accumulator_bits=32, weight_bits=5, membrane_kib=8)
    found = energy(Operations(synaptic=1e6, weight_words=1e6, membrane_words=2e6,
                              comparisons=1e5), config, HOROWITZ_45NM)  # fmt: skip
    # 8 + 32 bits added, 32 shifted, a table read; 32 bits compared. uJ.
    assert found.arithmetic == pytest.approx(40 * 0.1 / 32 + 0.1 + 0.03 + 0.1 * 0.1)
    assert found.weights == pytest.approx(100 * 5 / 64)
    assert found.membranes == pytest.approx(2 * 10 * 32 / 64)
    assert found.total == pytest.approx(found.arithmetic + found.weights + found.membranes)


def test_a_run_reports_what_it_found(chain_program, images):
    told = []
    first = log_ttfs.run(chain_program, images)
    result = log_ttfs.run(chain_program, images, first.decisions, batch_size=3,
                          progress=lambda *now: told.append(now))  # fmt: skip
    assert told == [(3, 4), (4, 4)]
    assert result.accuracy == 1.0 and result.samples == 4
    assert log_ttfs.run(chain_program, images, (first.decisions + 1) % 4).accuracy == 0.0
    reference = log_ttfs.run(chain_program, images, first.decisions, reference=True)
    np.testing.assert_array_equal(reference.outputs, result.outputs)
    assert reference.to_dict() == result.to_dict()
    for layer in result.layers:
        assert layer.met_bits <= layer.needed_bits
    assert result.timing.latency == 30 and result.seconds > 0
    floats = log_ttfs.run(chain_program, images.astype("float32") / 255)
    np.testing.assert_array_equal(floats.outputs, result.outputs)
