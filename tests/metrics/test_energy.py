"""Energy of operations and memory traffic by hand, with costs that are powers of ten."""

from dataclasses import asdict, replace

import pytest

from spkeras.errors import OptionError
from spkeras.metrics import Activity, Storage, activity, energy
from spkeras.metrics.costs import HOROWITZ_45NM, JOUPPI_7NM, CostTable, cost_table
from tests.metrics.graphs import chain, trace

# A float addition 1 pJ and product 10; an integer bit added 1 pJ, shifted 100; a product of bytes
# 1000. An access of 64 bits takes 64 pJ in 1 KiB and 640 in more.
TABLE = CostTable(
    "round",
    "made up",
    "none",
    add_per_bit=1.0,
    shift_per_bit=100.0,
    table_read=0.0,
    sram=((1, 64.0), (1024, 640.0)),
    dram=0.0,
    float32_add=1.0,
    float32_multiply=10.0,
    int8_multiply=1000.0,
)
# 1 KiB of floats each for weights and values, 4 KiB of potentials; an address has 8 bits.
HELD = Storage(weights=256, neurons=200, potentials=1024, values=256, sums=7)


def priced(numbers="float32", held=HELD, **counts):
    names = ("layers", "spikes", "spikes_per_neuron", "synaptic_operations", "input_macs")
    none = {**dict.fromkeys(names, 0), "layers": (), "cnn_macs": 0}
    return energy(Activity(**{**none, "storage": held, **counts}), TABLE, numbers)


@pytest.mark.parametrize(
    "counts, operations, traffic",
    [
        # 32 bits of a weight cost 32 pJ, of a potential 320: one read and one write.
        ({"synaptic_operations": 3}, {}, {"weights": 3 * 32, "potentials": 3 * 640}),
        ({"accumulates": 5}, {"synapses": 5}, {}),
        # A shift adds to an exponent of 8 bits.
        ({"shift_adds": 5}, {"synapses": 5 * (1 + 8)}, {}),
        ({"membrane_updates": 2}, {"membranes": 4}, {"potentials": 2 * 640}),
        ({"comparisons": 2}, {"comparisons": 2}, {}),
        ({"loop_macs": 2}, {"multiply_accumulates": 22}, {"weights": 64, "values": 64}),
        # Written and read: 8 bits of an address each, and the payload.
        ({"spikes": 4}, {}, {"spikes": 4 * 2 * 8}),
        ({"payload_bits": 4}, {}, {"spikes": 4 * 2}),
    ],
)
def test_each_kind_of_operation_by_hand(counts, operations, traffic):
    found = priced(**counts).snn
    for known, expected in ((found.operations, operations), (found.traffic, traffic)):
        assert {k: pytest.approx(v * 1e-6) for k, v in expected.items()} == {
            k: v for k, v in known.items() if v
        }
    assert found.total == pytest.approx(1e-6 * sum((operations | traffic).values()))


def test_the_cnn_is_counted_by_the_same_rules():
    found = priced(cnn_macs=4).cnn
    assert found.arithmetic == pytest.approx(44e-6)
    # A weight and a value for each, and seven sums that are written.
    assert found.memory == pytest.approx((4 * 32 + (4 + 7) * 32) * 1e-6)


def test_whole_numbers_have_bytes_and_sums_of_32_bits():
    found = priced("int8", cnn_macs=4, accumulates=1, shift_adds=1, synaptic_operations=2)
    assert found.cnn.arithmetic == pytest.approx(4 * (1000 + 32) * 1e-6)
    assert found.snn.arithmetic == pytest.approx((32 + 32 + 3200) * 1e-6)
    # A byte of a weight 8 pJ; a potential keeps 32 bits.
    assert found.snn.memory == pytest.approx((2 * 8 + 2 * 640) * 1e-6)
    assert found.numbers == "int8" and found.table == "round"


def test_a_memory_of_more_words_costs_more_per_word():
    small = priced(synaptic_operations=1).snn.traffic["weights"]
    large = priced(held=replace(HELD, weights=257), synaptic_operations=1).snn.traffic["weights"]
    assert large == pytest.approx(10 * small)


def test_memories_of_a_graph_by_hand():
    """4 inputs - dense - 3 neurons - dense - 2 neurons."""
    record = activity(chain(), trace({"n1": [1, 1, 1], "n2": [0, 0]}))
    assert record.storage == Storage(
        weights=4 * 3 + 3 * 2, neurons=5, potentials=5, values=4 + 3, sums=3 + 2
    )
    found = energy(record)
    assert found.cnn.operations["multiply_accumulates"] == pytest.approx(18 * 4.6e-6)
    # Three spikes in two samples reach two synapses each.
    assert found.snn.operations["synapses"] == pytest.approx(3 * 0.9e-6)
    assert found.ratio == pytest.approx(found.snn.total / found.cnn.total)


def test_published_costs():
    """45 nm: a multiply-accumulate of floats 4.6 pJ, of bytes 0.3; 7 nm: 1.69 and 0.1."""
    for table, floats, ints in ((HOROWITZ_45NM, 4.6, 0.3), (JOUPPI_7NM, 1.69, 0.1)):
        record = Activity((), 0, 0, 0, 0, cnn_macs=10**6)
        assert energy(record, table).cnn.arithmetic == pytest.approx(floats)
        assert energy(record, table, "int8").cnn.arithmetic == pytest.approx(ints)


def test_tables_without_a_cost_and_unknown_numbers_are_refused(tmp_path):
    record = Activity((), 0, 0, 0, 0, cnn_macs=1)
    bare = replace(TABLE, float32_multiply=None)
    assert energy(record, bare, "int8").cnn.arithmetic > 0
    with pytest.raises(OptionError, match="'round' has no float32_multiply; add it"):
        energy(record, bare)
    with pytest.raises(OptionError, match="numbers='int4'; allowed: 'float32', 'int8'"):
        energy(record, TABLE, "int4")


def test_a_table_in_toml(tmp_path):
    lines = []
    for name, value in asdict(TABLE).items():
        shown = [list(pair) for pair in value] if name == "sram" else value
        lines.append(f"{name} = {shown!r}".replace("'", '"'))
    (tmp_path / "mine.TOML").write_text("\n".join(lines))
    assert cost_table(tmp_path / "mine.TOML") == TABLE
    (tmp_path / "mine.TOML").write_text("\n".join(lines[:-3]))
    assert cost_table(str(tmp_path / "mine.TOML")).float32_add is None
