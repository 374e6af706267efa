"""Energy of operations by hand, with costs that are powers of ten."""

import pytest

from spkeras.hardware.log_ttfs.energy import LITERATURE_UJ, Energy, energy
from spkeras.hardware.log_ttfs.operations import Operations
from spkeras.metrics.costs import CostTable
from tests.hardware import byhand

# Adding a bit 1 pJ, shifting it 10; a table read 100; 64 bits 6400 on the chip, 64000 outside.
TABLE = CostTable("round", "made up", "none", 1.0, 10.0, 100.0, ((4, 6400.0),), 64000.0)
# 3 bits a weight, 16 bits a sum.
CONFIG = byhand.config(weight_kib=1, membrane_kib=4)


@pytest.mark.parametrize(
    "operations, part, pj",
    [
        # Two exponents of 8 bits and a sum of 16 added, 16 bits shifted, one table read.
        ({"synaptic": 2}, "arithmetic", 2 * (8 + 16 + 160 + 100)),
        ({"comparisons": 3}, "arithmetic", 3 * 16),
        ({"synaptic": 1, "comparisons": 1}, "arithmetic", 284 + 16),
        ({"weight_words": 5}, "weights", 5 * 300),
        ({"membrane_words": 7}, "membranes", 7 * 1600),
        ({"offchip_words": 11}, "offchip", 11 * 3000),
    ],
)
def test_each_part_by_hand(operations, part, pj):
    found = energy(Operations(**operations), CONFIG, TABLE)
    assert getattr(found, part) == pytest.approx(pj * 1e-6)
    assert found.total == pytest.approx(pj * 1e-6)
    assert (found.table, found.node) == ("round", "none")


def test_what_costs_nothing():
    counts = Operations(spikes=9, cycles=9, lost=9, cut=9, clipped=9)
    assert energy(counts, CONFIG, TABLE).total == 0.0


def test_the_total_is_the_sum_of_all_parts():
    assert Energy("a", "b", 1.0, 20.0, 300.0, 4000.0).total == 4321.0


def test_published_figures_have_the_unit_of_an_estimate():
    """uJ for an image: Lew, Lee & Park 2022, abstract."""
    assert energy(Operations(comparisons=1e6), CONFIG, TABLE).total == pytest.approx(16.0)
    assert LITERATURE_UJ == {"CIFAR-10": 486.7, "CIFAR-100": 503.6, "Tiny-ImageNet": 1426.0}
