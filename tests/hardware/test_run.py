"""Runs over batches and what they cost, by hand."""

import importlib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from spkeras.errors import DataError
from spkeras.hardware import log_ttfs
from spkeras.hardware.log_ttfs.labels import check_labels
from spkeras.hardware.log_ttfs.operations import Operations
from spkeras.hardware.log_ttfs.run import account, execute
from spkeras.metrics.costs import CostTable
from tests.hardware import byhand

# Adding a bit 1 pJ, everything else nothing.
TABLE = CostTable("round", "made up", "none", 1.0, 0.0, 0.0, ((4, 0.0),), 0.0)
INPUTS = byhand.CHAIN_INPUTS


def clipping():
    """Eight bits: the first neuron's 10 + 128 of the first sample is cut to 127."""
    return byhand.chain(accumulator_bits=8, saturate=True)


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 1, 0, 0)])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 50])
def test_a_course_by_hand(order, batch_size):
    order = list(order)
    told = []
    course = execute(
        byhand.chain(), [INPUTS[order]], batch_size, progress=lambda *now: told.append(now)
    )
    assert course.outputs["end"].tolist() == [[byhand.CHAIN_END[i]] for i in order]
    assert course.extremes == {"hidden": (-78, 108), "end": (-31, 0)}
    assert course.clipped == {"hidden": 0, "end": 0}
    assert course.histogram.samples == len(order)
    assert course.histogram.spikes("hidden") == sum((4, 3)[i] for i in order)
    ends = [min(start + batch_size, len(order)) for start in range(0, len(order), batch_size)]
    assert told == [(end, len(order)) for end in ends]


@pytest.mark.parametrize(
    "run",
    [
        lambda program, x, told: execute(program, [x], progress=told),
        lambda program, x, told: log_ttfs.run(program, x, progress=told),
    ],
)
def test_batches_of_fifty_samples_by_default(run):
    told = []
    run(byhand.chain(), INPUTS[[0] * 101], lambda *now: told.append(now))
    assert told == [(50, 101), (100, 101), (101, 101)]


def test_extremes_hold_zero():
    """One sample whose sums are all positive, then one whose sums are all negative."""
    program = byhand.joined()
    course = execute(program, byhand.JOINED_INPUTS)
    assert course.extremes["end"] == (0, 156)
    program = byhand.chain()
    assert execute(program, [INPUTS[1:]]).extremes["end"] == (-19, 0)


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_clipped_additions_of_all_batches_by_hand(batch_size):
    course = execute(clipping(), [INPUTS[[0, 1, 0]]], batch_size)
    assert course.clipped == {"hidden": 2, "end": 0}
    assert course.extremes["hidden"] == (-78, 108)


@pytest.mark.parametrize("several", [False, True])
def test_no_sample_is_refused(several):
    program = byhand.joined() if several else byhand.chain()
    inputs = byhand.JOINED_INPUTS if several else [INPUTS]
    with pytest.raises(DataError, match="no sample"):
        execute(program, [port[:0] for port in inputs])


def test_the_reference_is_used_where_it_is_asked_for(monkeypatch):
    made = []
    # The package's function of that name hides the module.
    module = importlib.import_module("spkeras.hardware.log_ttfs.run")

    class Counted(module.Engine):
        def __init__(self, program):
            made.append(program)
            super().__init__(program)

    monkeypatch.setattr(module, "Engine", Counted)
    program = byhand.chain()
    log_ttfs.run(program, INPUTS)
    execute(program, [INPUTS])
    assert len(made) == 2
    log_ttfs.run(program, INPUTS, reference=True)
    execute(program, [INPUTS], reference=True)
    assert len(made) == 2


def test_a_report_by_hand():
    program = clipping()
    program = replace(program, config=replace(program.config, clock_hz=1000, pe_count=2))
    found = log_ttfs.run(program, INPUTS, np.array([0, 1]), costs=TABLE)
    assert (found.name, found.samples) == ("byhand", 2)
    code, hidden, end = found.layers
    assert [layer.name for layer in found.layers] == ["code", "hidden", "end"]
    assert [layer.neurons for layer in found.layers] == [3, 6, 1]
    # Steps 0 0 1 4 5; with 127 - 80 for a sum of 58 the first neuron fires at 4, not at 3.
    assert code.mean_time == 2.0 and hidden.mean_time == (4 + 3 + 4 + 5 + 1 + 0 + 2) / 7
    assert end.mean_time == 0.0
    assert (code.needed_bits, code.met_bits, code.passes) == (0, 0, 0)
    # -108 to 138 and -78 to 108; -211 to 285 and -47 to 0.
    assert (hidden.needed_bits, hidden.met_bits, hidden.passes) == (9, 8, 1)
    assert (end.needed_bits, end.met_bits, end.passes) == (10, 7, 1)
    assert hidden.operations.clipped == 0.5
    assert found.total == sum((layer.operations for layer in found.layers), Operations())
    cycles = (5 * 2 + 2 * 6 * 3 + 7) / 2
    assert found.total.cycles == cycles and found.seconds == cycles / 1000
    # 16 bits of two exponents and a sum for each synapse, 8 for each comparison.
    pj = found.total.synaptic * 16 + found.total.comparisons * 8
    assert found.energy.total == found.energy.arithmetic == pytest.approx(pj * 1e-6)
    assert found.timing.latency == 2 * 6
    assert found.outputs.tolist() == [[5 - 52 + 64 - 64], [-19]]
    assert found.decisions.tolist() == [0, 0] and found.accuracy == 0.5
    (answer,) = found.answers
    assert (answer.name, answer.unit) == ("end", 2.0**-6)


def test_plain_values_by_name():
    found = log_ttfs.run(byhand.chain(), INPUTS, np.array([0, 0]), costs=TABLE)
    values = found.to_dict()
    assert values["name"] == "byhand" and values["samples"] == 2
    assert values["accuracy"] == 1.0 and values["outputs"] == {"end": 1.0}
    assert values["operations"]["synaptic"] == (13 + 5) / 2
    assert values["energy_uj"]["total"] == found.energy.total > 0
    assert values["timing"]["latency"] == 12 and values["seconds"] == found.seconds
    assert [layer["name"] for layer in values["layers"]] == ["code", "hidden", "end"]


def two_answers():
    program = byhand.joined()
    outputs = {"end": (2,), "again": (2,)}
    again = replace(program.readout, name="again", unit=3.0, bias=np.array([0, 1000]))
    return replace(program, layers=(*program.layers, again), outputs=outputs)


def test_answers_of_several_outputs_by_hand():
    program = two_answers()
    found = log_ttfs.run(program, byhand.JOINED_INPUTS, [np.array([0]), np.array([0])])
    assert [answer.name for answer in found.answers] == ["end", "again"]
    assert [answer.decisions.tolist() for answer in found.answers] == [[0], [1]]
    assert [answer.accuracy for answer in found.answers] == [1.0, 0.0]
    assert [answer.unit for answer in found.answers] == [1.0, 3.0]
    assert found.accuracy == 1.0 and found.decisions.tolist() == [0]
    assert found.outputs.tolist() == [byhand.JOINED_END]
    assert found.to_dict()["outputs"] == {"end": 1.0, "again": 0.0}
    unlabelled = log_ttfs.run(program, byhand.JOINED_INPUTS)
    assert [answer.accuracy for answer in unlabelled.answers] == [None, None]


def test_a_class_is_the_first_of_the_largest_values_of_a_sample():
    program = replace(byhand.joined(), outputs={"end": (1, 2)})
    course = execute(program, [np.repeat(port, 3, 0) for port in byhand.JOINED_INPUTS])
    sums = np.array([[[4, 5]], [[5, 4]], [[5, 5]]])
    course = replace(course, outputs={"end": sums})
    found = account(program, course, [np.array([1, 1, 0])], TABLE)
    assert found.decisions.tolist() == [1, 0, 0]
    assert found.accuracy == pytest.approx(2 / 3) and found.outputs is sums


def test_a_layer_that_never_fires_has_no_mean_time():
    found = log_ttfs.run(byhand.chain(), np.zeros((1, 3), int))
    assert found.layers[0].mean_time == 0.0 and found.layers[0].operations.spikes == 0.0
    found = log_ttfs.run(byhand.chain(), np.array([[7, 7, 6], [7, 8, 0]]))
    assert found.layers[0].mean_time == (5 * 3 + 4) / 4


def outputs(count):
    return SimpleNamespace(outputs={f"end{i}": (3,) for i in range(count)})


def plain(found):
    return [None if own is None else own.tolist() for own in found]


@pytest.mark.parametrize(
    "count, labels, wanted",
    [
        (1, None, [None]),
        (2, None, [None, None]),
        (3, None, [None] * 3),
        (1, [2, 0], [[2, 0]]),
        (1, (2, 0), [[2, 0]]),
        (1, np.array([[2], [0]]), [[2, 0]]),
        (1, np.array([2, 0], np.uint8), [[2, 0]]),
        (2, np.array([2, 0]), [[2, 0], None]),
        (2, [[2, 0], [1, 1]], [[2, 0], [1, 1]]),
        (2, ([2, 0], None), [[2, 0], None]),
        (3, [None, [1, 1], None], [None, [1, 1], None]),
    ],
)
def test_labels_of_each_output(count, labels, wanted):
    assert plain(check_labels(outputs(count), labels, 2)) == wanted


@pytest.mark.parametrize(
    "count, labels, message",
    [
        (2, [[2, 0]], "received 1 arrays for 2 outputs"),
        (2, [[2, 0]] * 3, "received 3 arrays for 2 outputs"),
        (1, [2], "int64 of shape"),
        (1, [2, 0, 1], "for 2 samples"),
        (1, [0.0, 1.0], "float64"),
        (1, ["a", "b"], "one whole-number class"),
        (1, [0.5], "float64"),
        (2, [[2, 0], [1]], "for 2 samples"),
        (1, [True, False], "bool"),
    ],
)
def test_labels_that_do_not_fit(count, labels, message):
    with pytest.raises(DataError, match=message):
        check_labels(outputs(count), labels, 2)


@pytest.mark.parametrize("labels", [[-1, 0, 0, 0], [0, 0, 0, 99]])
def test_labels_that_are_no_classes(chain_program, images, labels):
    with pytest.raises(DataError, match="allowed: 0 to .*, the classes of the program"):
        log_ttfs.run(chain_program, images, np.array(labels))
