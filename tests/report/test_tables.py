"""Records become text that holds their numbers."""

from dataclasses import replace

import numpy as np
import pytest

from spkeras.metrics import Convergence, EarlyExit, ExitCourse, ExitRow
from spkeras.metrics.energy import Energy, NetworkEnergy
from spkeras.report import (
    Table,
    accuracy_tables,
    activity_tables,
    comparison,
    cost_table,
    exit_tables,
    findings,
    in_short,
    latency,
    layer_table,
    operations,
    summary,
    to_text,
    verification_tables,
)
from spkeras.report.numbers import count, percent, small
from tests.report import records


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (7, "7"),
        (999, "999"),
        (0.5, "0.50"),
        (12.34, "12.3"),
        (1000, "1.00 k"),
        (12_345, "12.3 k"),
        (999_999, "1.00 M"),
        (2.5e9, "2.50 G"),
        (-1500, "-1.50 k"),
        (None, ""),
    ],
)
def test_count(number, text):
    assert count(number) == text


def test_percent_and_small():
    assert (percent(0.98765), percent(None)) == ("98.77 %", "")
    assert (small(1.23456e-7), small(None)) == ("1.23e-07", "")


def test_accuracy_at_powers_of_two_and_at_the_end():
    (table,) = accuracy_tables(records.evaluation())
    assert [row[0] for row in table.rows] == ["1", "2", "4", "6"]
    assert [row[1] for row in table.rows] == ["10.00 %", "20.00 %", "40.00 %", "60.00 %"]
    assert [row[2] for row in table.rows] == ["15.00 %", "25.00 %", "45.00 %", "65.00 %"]
    assert [row[3] for row in table.rows] == ["6", "5", "3", "1"]
    assert [row[4] for row in table.rows] == ["0", "200", "810", "1.25 k"]
    assert table.header[4:6] == ("spikes per sample", "pipelined latency")
    assert [row[5] for row in table.rows] == ["3", "4", "6", "8"]
    assert table.footer == ("CNN", "61.25 %", "100.00 %", "0", "", "", "", "")


def test_latency_of_windows_and_settled_samples_at_every_step():
    (table,) = accuracy_tables(records.graded(schedule="layer_synchronous", latency=18))
    assert table.header[5:8] == ("settled", "latency", "pipelined latency")
    assert [row[5:8] for row in table.rows] == [
        ("0.00 %", "3", "5"),
        ("10.00 %", "6", "8"),
        ("50.00 %", "12", "14"),
        ("75.00 %", "18", "20"),
    ]


def test_one_table_per_output_and_errors_for_regression():
    result = records.evaluation(records.classification(), records.regression())
    first, second = accuracy_tables(result)
    assert first.title.startswith("probabilities") and second.title.startswith("angle")
    assert second.header[1] == "rms error" and "accuracy" not in second.header
    assert second.rows[-1][1] == "0.125" and second.footer[1] == "0.0625"


def test_without_labels_or_neurons():
    score = records.classification(accuracy=None, cnn_accuracy=None)
    (table,) = accuracy_tables(records.evaluation(score, layer_spikes={}))
    assert table.header[1] == "same decision as CNN"
    assert [row[3] for row in table.rows] == ["0"] * 4


def test_layers_and_operations():
    table = layer_table(records.evaluation())
    assert table.header[6:] == ("synaptic operations", "SOPs / CNN MACs", "membrane updates")
    assert table.rows[0] == (
        "first[/bold]",
        "200",
        "1.23 k",
        "6.17",
        "1.03",
        "25.00 %",
        "56.8 k",
        "0.02",
        "0",
    )
    assert table.footer[2] == "1.25 k" and table.footer[6:] == ("57.0 k", "0.02", "1.26 k")
    assert table.words == {0}
    assert activity_tables(records.evaluation()) == (table, cost_table(records.evaluation()))
    text = operations(records.evaluation())
    assert "shift" not in text and "evaluations" not in text and "loop" not in text
    for part in (
        "57.0 k synaptic",
        "4.10 k multiply",
        "1.26 k membrane updates",
        "2.50 M multiply",
    ):
        assert part in text


def test_what_matters_in_one_line():
    costs = Energy("table", "node", "int8", _network(1.0, 4.97), _network(2.0, 0.5))
    assert in_short(records.evaluation(), costs) == (
        "in short: 60.00 % right (95 % interval 43.3 to 75.1; CNN 61.25 %), 57.0 k synaptic "
        "operations (CNN 2.50 M MACs), 5.97 uJ (CNN 2.50, table)"
    )
    values = records.evaluation(records.regression())
    assert in_short(values, costs).startswith("in short: 57.0 k synaptic operations")


def _network(arithmetic, memory):
    return NetworkEnergy({"synapses": arithmetic}, {"weights": memory})


def test_graded_spikes_have_costs_of_their_own():
    layers, exponents, _ = activity_tables(records.graded())
    assert layers.header[6:] == (
        "synapses",
        "synaptic operations",
        "SOPs / CNN MACs",
        "accumulates",
        "shift-adds",
        "loop MACs",
        "membrane updates",
        "comparisons",
        "payload bits",
        "function evaluations",
    )
    assert layers.words == {0, 6}
    assert layers.rows[0][6:] == (
        "",
        "56.8 k",
        "0.02",
        "1.11 k",
        "77.8 k",
        "0",
        "0",
        "0",
        "4.94 k",
        "0",
    )
    assert layers.rows[1][6:] == (
        "composed, factored",
        "200",
        "8e-05",
        "20",
        "350",
        "5.00 M",
        "55",
        "80",
        "60",
        "60",
    )
    assert layers.footer[6:] == (
        "",
        "57.0 k",
        "0.02",
        "1.13 k",
        "78.1 k",
        "5.00 M",
        "1.10 k",
        "80",
        "5.00 k",
        "60",
    )
    assert exponents.title.endswith("the layer's scale is k = 1, each further one half of it")
    assert exponents.header == ("layer", "k = 0", "k = 1", "k = 2")
    assert exponents.rows == (("first[/bold]", "34", "1.00 k", "200"), ("<second>", "5", "15", ""))
    assert exponents.footer == ("all", "39", "1.01 k", "200")
    # An exponent that nothing was sent with has no column.
    first, second = records.graded().activity.layers
    zero = (replace(first, exponents=(0.0, 1000.0)), replace(second, exponents=(0.0, 15.0)))
    activity = replace(records.graded().activity, layers=zero, exponents=(0.0, 1015.0))
    _, exponents, _ = activity_tables(records.graded(activity=activity))
    assert exponents.header == ("layer", "k = 1")
    assert exponents.rows == (("first[/bold]", "1.00 k"), ("<second>", "15"))
    text = operations(records.graded())
    for part in (
        "1.13 k accumulates",
        "78.1 k shift-and-adds",
        "57.0 k synaptic operations",
        "5.00 k bits",
        "60 function evaluations in neurons with 720 multiply",
        "at most 5.00 M multiply-accumulates in the loop",
        "1.10 k membrane updates",
        "4.10 k multiply-accumulates at the input",
        "2.50 M multiply",
    ):
        assert part in text


def test_operations_of_every_accuracy_over_those_of_the_cnn():
    (table,) = accuracy_tables(records.evaluation())
    assert table.header[-2:] == ("SOPs / CNN MACs", "updates / CNN MACs")
    (table,) = accuracy_tables(records.graded())
    assert table.header[-3:] == ("SOPs / CNN MACs", "loop MACs / CNN MACs", "updates / CNN MACs")
    assert [row[-3:] for row in table.rows] == [
        ("0.40", "0.00", "0.00"),
        ("0.80", "0.00", "0.002"),
        ("1.60", "1.00", "0.01"),
        ("2.40", "2.00", "0.01"),
    ]
    assert table.footer[-3:] == ("", "", "")


def test_every_kind_of_operation_over_those_of_the_cnn():
    table = cost_table(records.evaluation())
    assert [row[0] for row in table.rows] == [
        "synaptic operations (SOPs)",
        "multiply-accumulates at the input",
        "membrane updates",
    ]
    table = cost_table(records.graded())
    assert table.rows == (
        ("synaptic operations (SOPs)", "57.0 k", "0.02"),
        ("accumulates", "1.13 k", "0.00045"),
        ("shift-and-adds", "78.1 k", "0.03"),
        ("multiply-accumulates at the input", "4.10 k", "0.0016"),
        ("multiply-accumulates in the loop (at most)", "5.00 M", "2.00"),
        ("multiply-accumulates in neurons", "720", "0.00029"),
        ("membrane updates", "1.10 k", "0.00044"),
        ("comparisons of pooling neurons", "80", "3.2e-05"),
    )
    assert table.footer == ("CNN: multiply-accumulates", "2.50 M", "1.00")


def test_a_network_that_takes_more_than_its_cnn_says_so():
    assert comparison(records.evaluation()) == (
        "The spiking network takes no more operations than its CNN: 0.02 times the CNN's "
        "multiply-accumulates, as additions; 0.0016 times as multiply-accumulates; 0.0005 times "
        "as membrane updates."
    )
    text = comparison(records.graded())
    assert "takes more operations than its CNN: 0.03 times the CNN's" in text
    assert "2.00 times as multiply-accumulates;" in text and "3.2e-05 times as comparisons." in text
    activity = replace(records.evaluation().activity, accumulates=6_500_000.0)
    text = comparison(records.evaluation(activity=activity))
    assert "takes more operations than its CNN: 2.60 times" in text


def test_a_cnn_without_weights_has_no_ratio():
    activity = replace(records.evaluation().activity, cnn_macs=0)
    bare = records.evaluation(activity=activity)
    assert comparison(bare) == "" and layer_table(bare).footer[7] == ""
    assert not any("CNN MACs" in name for name in accuracy_tables(bare)[0].header)


def test_what_early_exit_takes():
    rows = tuple(
        ExitRow(margin, 3.0, 0.5, 0.6, 0.01, 0.02, spikes, 0.1)
        for margin, spikes in ((1.0, 627.0), (2.0, 1254.0))
    )
    course = ExitCourse(EarlyExit(1.0), rows[0], rows, np.zeros(6))
    activity = replace(records.evaluation().activity, synaptic_operations=10_000_000.0)
    (table,) = exit_tables(records.evaluation(activity=activity, early_exit=course))
    assert table.header[-1] == "SOPs / CNN MACs, about"
    assert [row[-1] for row in table.rows] == ["2.00", "4.00"]


def test_latency_in_words():
    text = latency(records.evaluation())
    assert "6 steps where" in text and "8 on pipelined hardware" in text
    assert "2 layers" in text and "every 6 steps" in text and "settle" not in text
    text = latency(records.graded())
    assert "75.00 % of the samples settle within T = 6: after 4.25 steps on average" in text
    assert "6 at most" in text and "still fire as 6" in text
    rest = np.ones(6)
    text = latency(records.graded(convergence=Convergence(3.5, 4, 1.0, rest)))
    assert text.endswith("All samples settle: after 3.5 steps on average, 4 at most.")
    text = latency(records.graded(convergence=Convergence(6, 6, 0.0, 0 * rest)))
    assert text.endswith("No sample settles within T = 6.")


@pytest.mark.parametrize("schedule", ["clock_driven", "layer_synchronous"])
def test_the_schedule_is_always_named(schedule):
    words = schedule.replace("_", "-")
    result = records.evaluation(schedule=schedule, latency=18)
    texts = [summary(result), *(t.title for t in accuracy_tables(result))]
    texts += [layer_table(result).title, verification_tables(records.verification())[1].title]
    texts[-1] = texts[-1].replace("layer-synchronous", words)
    assert all(words in text for text in texts)
    assert "latency 18 steps (20 pipelined)" in texts[0]


def test_summary_tells_settings_that_are_set():
    text = summary(records.evaluation())
    assert "40 samples" in text and "T = 6" in text and "stagger 2" in text
    assert "weight_bits" not in text and "latency 6 steps (8 pipelined)" in text
    assert "levels" not in text
    text = summary(records.graded())
    assert "spike_code delta, levels 3, levels_above_scale 1, mantissa_bits 1" in text


def test_verification():
    layers, neurons, stages = verification_tables(records.verification())
    assert layers.rows == (("conv", "1.5e-07", "3e-08"),)
    assert neurons.rows[0][:4] == ("relu", "0.9877", "-0.0032", "0.0400")
    assert neurons.rows[0][-3:] == ("75.00 %", "12.50 %", "50.00 %")
    assert stages.rows[1] == ("simulated", "92.50 %", "0.375")


def test_verification_of_values():
    _, neurons, course, stages = verification_tables(records.values())
    assert neurons.title.startswith("Values") and "rates" not in neurons.title
    assert neurons.header[3:8] == (
        "error",
        "clipping",
        "quantization",
        "unevenness",
        "as coded at once",
    )
    assert course.header == ("layer", "t = 1", "t = 2", "t = 3", "last spike at")
    assert course.rows[1] == ("gate", "0.625", "0.375", "0.0625", "2.88")
    faithful, departs, last = findings(records.values())
    assert "values depart" in departs and "rates" not in departs
    assert last.startswith("The layer that settles last: gate, 2.88 steps") and "T = 3" in last
    early = findings(records.values(timesteps=9))[2]
    assert early.endswith("2.88 steps on average.")


def test_course_of_many_steps_at_powers_of_two():
    check = records.verification().neurons[0]
    check = replace(check, course=tuple(step / 100 for step in range(1, 21)))
    kept = {"spike_code": "rate", "steps": tuple(range(1, 21)), "neurons": (check,)}
    course = verification_tables(records.verification(**kept))[2]
    assert course.header == ("layer", "t = 1", "t = 2", "t = 4", "t = 8", "t = 16", "t = 20")
    assert course.rows == (("relu", "0.01", "0.02", "0.04", "0.08", "0.16", "0.2"),)
    assert len(findings(records.verification(**kept))) == 2


def test_findings():
    assert "equals the CNN" in findings(records.verification())[0]
    assert "differs" in findings(records.verification(faithful=False))[0]
    assert "none was compared" in findings(records.verification(layers=()))[0]
    assert findings(records.verification(departs_first="relu"))[1].endswith(": relu.")


def test_text_keeps_names_as_they_are_and_every_number():
    result = records.evaluation()
    tables = [*accuracy_tables(result), layer_table(result)]
    text = to_text(tables)
    for table in tables:
        assert table.title in text
        for cell in np.ravel(table.rows):
            assert cell in text
    assert "\x1b" not in text and "\x1b" in to_text(tables, colour=True)
    assert all(line == line.rstrip() for line in text.splitlines())


def test_text_fits_its_width():
    text = to_text([layer_table(records.evaluation())], width=60)
    assert max(map(len, text.splitlines())) <= 60


def test_text_keeps_to_its_encoding():
    text = to_text([layer_table(records.evaluation())], encoding="cp1252")
    text.encode("cp1252")
    assert "56.8 k" in text and "---" in text and "?" not in text


def test_a_table_that_is_too_wide_goes_on_below_and_breaks_no_number():
    header = ("layer", "spikes per sample", "SOPs / CNN MACs", "pipelined latency", "updates")
    rows = (("first", "12.3 k", "0.25", "1234", "5.00 M"), ("second", "1", "2", "3", "4"))
    table = Table("Wide", header, rows, ("all", "12.4 k", "", "", "9.00 M"))
    whole = to_text([table], 100).splitlines()
    assert any("spikes per sample   SOPs / CNN MACs   pipelined latency" in line for line in whole)
    narrow = to_text([table], 40).splitlines()
    assert max(map(len, narrow)) <= 40
    # Every number is whole, and each block names its rows.
    assert [
        sum(cell in line for line in narrow) for cell in ("12.3 k", "1234", "5.00 M", "9.00 M")
    ] == [1] * 4
    assert sum(line.split()[:1] == ["second"] for line in narrow) == 2
    # A slash stays with the word behind it.
    assert any(line.strip().endswith("/ CNN MACs") or "/ CNN" in line for line in narrow)
    assert not any(line.strip() == "/" for line in narrow)


def test_a_reference_other_than_the_cnn_is_named_in_short():
    score = records.classification(accuracy=None, cnn_accuracy=None)
    costs = Energy("table", "node", "int8", _network(1.0, 4.97), _network(2.0, 0.5))
    assert "decided as the twin," in in_short(records.evaluation(score, reference="twin"), costs)
