"""Counts by brute force and by hand, energy by hand."""

from dataclasses import replace

import numpy as np
import pytest

from spkeras.hardware import log_ttfs
from spkeras.hardware.log_ttfs.datapath import run_batch, whole_inputs
from spkeras.hardware.log_ttfs.energy import energy
from spkeras.hardware.log_ttfs.operations import Histogram, Operations, count_operations
from spkeras.hardware.log_ttfs.reference import ABSENT, arrivals
from spkeras.metrics.costs import HOROWITZ_45NM
from spkeras.ttfs.plan import NEURONS, READOUT
from tests.hardware import byhand
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
    found = energy(
        Operations(synaptic=1e6, weight_words=1e6, membrane_words=2e6, comparisons=1e5),
        config,
        HOROWITZ_45NM,
    )
    # 8 + 32 bits added, 32 shifted, a table read; 32 bits compared. uJ.
    assert found.arithmetic == pytest.approx(40 * 0.1 / 32 + 0.1 + 0.03 + 0.1 * 0.1)
    assert found.weights == pytest.approx(100 * 5 / 64)
    assert found.membranes == pytest.approx(2 * 10 * 32 / 64)
    assert found.total == pytest.approx(found.arithmetic + found.weights + found.membranes)


def test_a_run_reports_what_it_found(chain_program, images):
    told = []
    first = log_ttfs.run(chain_program, images)
    result = log_ttfs.run(
        chain_program, images, first.decisions, batch_size=3, progress=lambda *now: told.append(now)
    )
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


def counted(program, *batches, clipped=None):
    histogram = Histogram(program)
    for times in batches:
        histogram.add(times)
    return count_operations(program, histogram, clipped or {})


CHAIN = {"code": byhand.CHAIN_CODE, "hidden": byhand.CHAIN_TIMES}
JOINED = {
    "code": byhand.JOINED_CODE,
    "other": byhand.JOINED_OTHER,
    "both": byhand.JOINED_TIMES,
    "pool": byhand.JOINED_POOL,
}


def test_who_fired_when_by_hand():
    histogram = Histogram(byhand.chain())
    assert set(histogram.fired) == {"code", "hidden"} and histogram.samples == 0
    assert histogram.fired["hidden"].shape == (7, 2, 3) and not histogram.fired["hidden"].any()
    histogram.add(CHAIN)
    histogram.add({name: times[:1] for name, times in CHAIN.items()})
    assert histogram.samples == 3
    assert histogram.fired["code"][..., 0].tolist() == [
        [2, 0, 1],
        [0, 2, 0],
        [0] * 3,
        [0] * 3,
        [1, 0, 0],
        [0, 0, 2],
        [0, 1, 0],
    ]
    first, second = histogram.fired["hidden"].transpose(1, 2, 0).tolist()
    assert first == [[0, 1, 0, 2, 0, 0, 0], [0] * 6 + [3], [0, 0, 0, 2, 0, 0, 1]]
    assert second == [[0] * 6 + [3], [1, 0, 0, 0, 2, 0, 0], [0, 0, 1, 0, 0, 2, 0]]
    assert (histogram.spikes("code"), histogram.spikes("hidden")) == (8, 11)


def test_operations_of_a_chain_by_hand():
    """Two samples, two processing elements; of 3 synapses of an input one may have weight 0."""
    found = counted(byhand.chain(), CHAIN, clipped={"hidden": 3})
    assert found["code"] == Operations(spikes=5 / 2)
    # Two spikes meet 2 weights, three meet 3. A spike takes 2 cycles for 3 neurons, and each
    # of 6 steps takes 3 for 6 neurons. Comparisons: 4 6 4 6 5 6 and 2 6 6 6 1 3.
    assert found["hidden"] == Operations(
        spikes=7 / 2,
        synaptic=13 / 2,
        weight_words=13 / 2,
        comparisons=55 / 2,
        membrane_words=(2 * 13 + 55) / 2,
        cycles=(5 * 2 + 2 * 6 * 3) / 2,
        clipped=3 / 2,
    )
    # Five of seven spikes meet the weight of the one output, two a weight of 0.
    assert found["end"] == Operations(
        synaptic=5 / 2, weight_words=5 / 2, membrane_words=10 / 2, cycles=7 / 2
    )


def test_operations_of_cells_groups_and_pools_by_hand():
    found = counted(byhand.joined(), JOINED)
    # Cells 0 and 1 reach 2 and 1 of the positions' taps: channel 0 meets 2 weights through each
    # tap, channel 1 one. Nothing is read for them, but for the 4 spikes of the other input.
    cells = (2 + 2) + (2 + 2) + 2 + (1 + 1) + 1 + 1
    # Positions 0 and 1 of `code` are met twice, 2 and 3 once.
    reached = 2 * 2 + 1 * 2 + 2 * 1 + 1 * 1
    assert found["both"] == Operations(
        spikes=7,
        synaptic=cells + 4,
        weight_words=4,
        comparisons=(1 + 6 + 1 + 6 + 5) + 20,
        membrane_words=2 * (cells + 4) + 39,
        cycles=reached + 4 + 6 * 5,
    )
    # A pool passes spikes on; it adds up and compares nothing.
    assert found["pool"] == Operations(spikes=4)
    assert found["end"] == Operations(
        synaptic=1 + 2 + 2 + 2, weight_words=7, membrane_words=14, cycles=4
    )


@pytest.mark.parametrize("elements, spike, step", [(1, 3, 6), (2, 2, 3), (4, 1, 2), (6, 1, 1)])
def test_cycles_by_elements(elements, spike, step):
    found = counted(byhand.chain(pe_count=elements), CHAIN)
    assert found["hidden"].cycles == (5 * spike + 2 * 6 * step) / 2


def test_products_that_lose_bits_by_hand():
    """13 10 lose bits at once; 8 is shifted out at the fourth octave.

    From d = 0 on: 4 3' 2' 2' | 2 1' 1' 1' | 1 0' 0' 0', where ' marks bits that are lost.
    """
    found = counted(byhand.chain(fraction=-1), CHAIN)
    # Input 0 at k = 0 and 4 meets d = 0 2, 4 6; input 1 at k = 1 meets 3 1 5; input 2 at
    # k = 0 and 5 meets 2 0 4, 7 5 9.
    assert (found["hidden"].cut, found["hidden"].lost) == ((1 + 1 + 3 + 1 + 3) / 2, 1 / 2)
    # Spikes of neurons meet d = 3 5 4 and 1 0.
    assert (found["end"].cut, found["end"].lost) == (3 / 2, 0)
    assert found["code"] == Operations(spikes=5 / 2)
    found = counted(byhand.joined(fraction=-1), JOINED)
    # d = 1 + 2 q + k. Channel 0: q = 0 and 2 by the first tap, 1 and 0 by the second, channel 1:
    # 1; 2. Position 1 of the output has the first tap only, of cell 0.
    first = [1 + 4 + 5, 1 + 5]
    second = [3 + 0, 1 + 0, 3 + 2, 1 + 2, 1 + 0, 5 + 0, 1 + 2, 5 + 2]
    other = [3 + 0, 3 + 4, 5 + 1, 3 + 1]
    plain = [0, 2 + 1, 4 + 3, 2 + 2]
    met = first + second + other + plain
    assert found["both"].cut == sum(d in (1, 2, 3, 5, 6, 7) or d > 8 for d in met)
    assert found["both"].lost == sum(d > 8 for d in met) == 1
    assert found["both"].synaptic == len(met)


def test_nothing_is_lost_where_all_bits_are_kept():
    found = counted(byhand.chain(), CHAIN)
    assert found["hidden"].cut == found["hidden"].lost == 0


def test_counts_of_one_sample_and_of_none():
    half = {name: times[:1] for name, times in CHAIN.items()}
    found = counted(byhand.chain(), half)
    assert (found["code"].spikes, found["hidden"].synaptic) == (3, 2 + 3 + 3)
    assert counted(byhand.chain())["hidden"] == Operations()


def test_operations_add_up_one_by_one():
    one = Operations(*(10.0**power for power in range(10)))
    assert one + one == Operations(*(2 * 10.0**power for power in range(10)))
    assert Operations() == Operations(*[0.0] * 10) and Operations() + one == one
