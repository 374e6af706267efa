"""What memories hold and what comes from outside, by hand; and tables of costs."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from spkeras.errors import OptionError
from spkeras.hardware import log_ttfs
from spkeras.hardware.log_ttfs.energy import energy
from spkeras.hardware.log_ttfs.memories import groups, placements
from spkeras.hardware.log_ttfs.operations import Operations
from spkeras.metrics.costs import (
    COST_TABLES,
    HOROWITZ_45NM,
    JOUPPI_7NM,
    CostTable,
    cost_table,
)
from tests.ttfs.nets import chain, pixels


def smaller(program, **changed):
    return replace(program, config=replace(program.config, **changed))


def wide_program(**config):
    """Weights: 3 x 3 x 2 x 50, 3 x 3 x 50 x 60, 540 x 4."""
    return log_ttfs.compile(chain(10, 4, widths=(50, 60)), log_ttfs.HardwareConfig(**config))


def test_weights_beyond_the_memory_are_fetched_for_each_sample():
    program = wide_program(weight_bits=8, weight_kib=10)
    words = {"first": 900, "second": 27000, "dense": 2160}
    found = placements(program)
    readout = program.readout.name
    assert [found[n].weights for n in ("first", "second", readout)] == list(words.values())
    # 10,240 words are kept: all of the first layer, 9,340 of the second, none of the last.
    assert [found[n].streamed for n in ("first", "second", readout)] == [0, 17660, 2160]
    images = pixels((6, 6, 2), 3)
    result = log_ttfs.run(program, images)
    assert result.total.offchip_words == 17660 + 2160
    assert result.energy.offchip == pytest.approx((17660 + 2160) * 1300 * 8 / 64 * 1e-6)
    roomy = log_ttfs.run(smaller(program, weight_kib=30), images)
    assert roomy.total.offchip_words == roomy.energy.offchip == 0
    np.testing.assert_array_equal(roomy.outputs, result.outputs)
    assert sum(p.streamed for p in placements(smaller(program, weight_kib=29)).values()) == (
        30060 - 29 * 1024
    )


def test_accumulators_beyond_the_memory_are_worked_on_in_turn():
    # 36 accumulators of 32 bits are 144 bytes a map: 7 of them fit into a KiB, 50 take 8 turns.
    program = wide_program(membrane_kib=1)
    found = placements(program)
    assert (found["first"].channels, found["first"].passes) == (7, 8)
    # 9 accumulators, 36 bytes a map: 28 at a time.
    assert (found["second"].channels, found["second"].passes) == (28, 3)
    assert found[program.readout.name].passes == 1
    one = np.zeros((1, 6, 6, 2), int)
    one[0, 0, 0, 1] = 255
    cycles = [
        log_ttfs.run(program, x).layers[1].operations.cycles for x in (np.zeros_like(one), one)
    ]
    # A corner reaches 2 x 2 positions, 50 channels in 8 turns; 128 elements take each at once.
    assert cycles[1] - cycles[0] == 4 * 8
    assert {layer.name: layer.passes for layer in log_ttfs.run(program, one).layers} == {
        "code": 0,
        "first": 8,
        "second": 3,
        program.readout.name: 1,
    }


def test_a_map_beyond_the_memory_is_cut_into_shares():
    import keras

    from spkeras.layers import TTFSActivation

    keras.utils.set_random_seed(0)
    net = keras.Sequential(
        [
            keras.Input((20, 20, 13)),
            TTFSActivation(10, 4),
            keras.layers.Conv2D(3, 9, padding="same"),
            TTFSActivation(10, 4, name="first"),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    config = log_ttfs.HardwareConfig(membrane_kib=1, weight_bits=8, weight_kib=2)
    found = placements(log_ttfs.compile(net, config))["first"]
    # 400 accumulators of 4 bytes: two shares of each of three maps, each with its weights.
    assert (found.channels, found.passes) == (1, 6)
    assert found.streamed == (9 * 9 * 13 * 3 - 2048) * 2


@pytest.mark.parametrize(
    "outputs, at_once, elements, expected",
    [(24, 8, 128, 3), (256, 200, 128, 3), (256, 256, 128, 2), (5, 5, 2, 3), (1, 1, 1, 1)],
)
def test_outputs_are_shared_out_to_the_elements(outputs, at_once, elements, expected):
    turns, left = 0, outputs
    while left > 0:
        here = min(left, at_once)
        turns, left = turns + int(np.ceil(here / elements)), left - here
    assert groups(outputs, at_once, elements) == turns == expected


def test_tables_by_hand():
    counts = Operations(
        synaptic=1e6, weight_words=1e6, membrane_words=2e6, offchip_words=1e3, comparisons=1e5
    )
    config = log_ttfs.HardwareConfig(weight_kib=1024, membrane_kib=32)
    found = energy(counts, config, JOUPPI_7NM)
    assert found.arithmetic == pytest.approx(40 * 0.03 / 32 + 0.03 + 0.007 + 0.1 * 0.03)
    assert found.weights == pytest.approx(14 * 5 / 64)
    assert found.membranes == pytest.approx(2 * 8.5 * 32 / 64)
    assert found.offchip == pytest.approx(1e-3 * 1300 * 5 / 64)
    parts = found.arithmetic + found.weights + found.membranes + found.offchip
    assert found.total == pytest.approx(parts)
    assert found.total < energy(counts, config, HOROWITZ_45NM).total
    # Between two sizes the larger one's cost; beyond the last one by the root of the size.
    assert HOROWITZ_45NM.memory(9, 64) == 20 and HOROWITZ_45NM.memory(4096, 64) == 200


def test_a_table_of_ones_own(tmp_path, chain_program, images):
    path = tmp_path / "mine.json"
    values = {**asdict(HOROWITZ_45NM), "name": "mine", "source": "a data sheet", "dram": 7}
    path.write_text(json.dumps(values))
    table = cost_table(str(path))
    assert table == replace(HOROWITZ_45NM, name="mine", source="a data sheet", dram=7.0)
    by_file = log_ttfs.run(chain_program, images, costs=str(path)).energy
    assert by_file == log_ttfs.run(chain_program, images, costs=table).energy
    assert by_file.table == "mine"


BROKEN = {
    "a missing key": (lambda v: v.pop("dram"), "holds"),
    "an unknown key": (lambda v: v.update(price=1), "holds"),
    "a negative cost": (lambda v: v.update(dram=-1), "dram=-1"),
    "no number": (lambda v: v.update(table_read="cheap"), "table_read"),
    "not finite": (lambda v: v.update(dram=float("inf")), "dram"),
    "no source": (lambda v: v.update(source=""), "source"),
    "no memories": (lambda v: v.update(sram=[]), "sram"),
    "memories that shrink": (lambda v: v.update(sram=[[8, 1], [4, 2]]), "rising sizes"),
    "memories of nothing": (lambda v: v.update(sram=[[0, 1]]), "rising sizes"),
    "pairs that are none": (lambda v: v.update(sram=[[8, 1, 2]]), "sram"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_tables_that_are_none_are_refused(case, tmp_path):
    change, message = BROKEN[case]
    values = json.loads(json.dumps(asdict(HOROWITZ_45NM)))
    change(values)
    (tmp_path / "bad.json").write_text(json.dumps(values))
    with pytest.raises(OptionError, match=message):
        cost_table(str(tmp_path / "bad.json"))


def test_other_names_and_files_are_refused(tmp_path, chain_program, images):
    with pytest.raises(
        OptionError, match="allowed: horowitz-45nm, jouppi-7nm, or a .toml or .json file"
    ):
        log_ttfs.run(chain_program, images, costs="free")
    with pytest.raises(OptionError, match="cannot be read"):
        cost_table(str(tmp_path / "none.json"))
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "half.toml").write_text("name = ")
    with pytest.raises(OptionError, match="cannot be read"):
        cost_table(str(tmp_path / "half.toml"))
    with pytest.raises(OptionError, match="received list"):
        cost_table(str(tmp_path / "list.json"))
    assert all(isinstance(table, CostTable) and table.source for table in COST_TABLES.values())
