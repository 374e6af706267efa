"""Tables and sentences on spikes and operations, with the CNN's multiply-accumulates."""

from collections.abc import Sequence

from spkeras.metrics import Activity, Evaluation, LayerActivity
from spkeras.report.numbers import count, percent, ratio, small
from spkeras.report.steps import ran
from spkeras.report.tables import Table, schedule

# Columns of the layer table after the synaptic operations; a column of zeros is left out.
_COSTS = (
    ("accumulates", "accumulates"),
    ("shift-adds", "shift_adds"),
    ("loop MACs", "loop_macs"),
    ("membrane updates", "membrane_updates"),
    ("comparisons", "comparisons"),
    ("payload bits", "payload_bits"),
    ("function evaluations", "function_evaluations"),
)


def activity_tables(evaluation: Evaluation) -> tuple[Table, ...]:
    """Return the tables of spikes and operations: by layer, by exponent (graded), in total."""
    graded = (_exponent_table(evaluation),) if evaluation.activity.graded else ()
    return (layer_table(evaluation), *graded, cost_table(evaluation))


def layer_table(evaluation: Evaluation) -> Table:
    """Return spikes and operations of each layer of neurons, per sample, over the whole run."""
    activity = evaluation.activity
    # A one-bit spike makes each synaptic operation an accumulate: the column would repeat them.
    costs = [pair for pair in _COSTS if getattr(activity, pair[1])]
    costs = costs if activity.graded else [pair for pair in costs if pair[1] != "accumulates"]
    # "direct" is the default: the column appears only where some layer differs.
    named = any(layer.synapses not in ("", "direct") for layer in activity.layers)
    stepwise = not evaluation.windows
    header = ["layer", "neurons", "spikes", "per neuron", "firing rate", "silent"]
    rows = [_layer_cells(layer) for layer in activity.layers]
    footer = ["all", "", count(activity.spikes), small(activity.spikes_per_neuron), "", ""]
    if not stepwise:
        header, footer, *rows = (row[:4] + row[5:] for row in (header, footer, *rows))
    if named:
        header.append("synapses")
        rows = [[*row, layer.synapses] for row, layer in zip(rows, activity.layers, strict=True)]
        footer.append("")
    header += ["synaptic operations", "SOPs / CNN MACs", *(title for title, _ in costs)]
    names = [name for _, name in costs]
    return Table(
        title=f"Spikes and operations per sample in {ran(evaluation)}, {schedule(evaluation)}",
        header=tuple(header),
        rows=tuple(
            (*row, *_cost_cells(layer, activity, names))
            for row, layer in zip(rows, activity.layers, strict=True)
        ),
        footer=(*footer, *_cost_cells(activity, activity, names)),
        words=frozenset({0, 6}) if named else frozenset({0}),
    )


def _layer_cells(layer: LayerActivity) -> list[str]:
    return [
        layer.name,
        count(layer.neurons),
        count(layer.spikes),
        small(layer.spikes_per_neuron),
        small(layer.firing_rate),
        percent(layer.silent),
    ]


def _cost_cells(
    record: LayerActivity | Activity, activity: Activity, names: Sequence[str]
) -> tuple[str, ...]:
    operations = record.synaptic_operations
    costs = (count(getattr(record, name)) for name in names)
    return (count(operations), _over(operations, activity), *costs)


def _over(number: float, activity: Activity) -> str:
    return ratio(number / activity.cnn_macs) if activity.cnn_macs else ""


def _exponent_table(evaluation: Evaluation) -> Table:
    activity = evaluation.activity
    # A column of zeros would say nothing.
    sent = [k for k, number in enumerate(activity.exponents) if number]

    def cells(exponents: Sequence[float]) -> tuple[str, ...]:
        return tuple(count(exponents[k]) if k < len(exponents) else "" for k in sent)

    graded = (layer for layer in activity.layers if layer.exponents)
    rows = tuple((layer.name, *cells(layer.exponents)) for layer in graded)
    title = f"Spikes per sample by exponent k{scale_at(evaluation)}"
    header = ("layer", *(f"k = {k}" for k in sent))
    return Table(title, header, rows, ("all", *cells(activity.exponents)))


def scale_at(evaluation: Evaluation) -> str:
    """Return the part of a title that says which exponent equals the layer's scale."""
    levels_above_scale = int(evaluation.settings.get("levels_above_scale") or 0)
    return f"; the layer's scale is k = {levels_above_scale}, each further one half of it"


def cost_table(evaluation: Evaluation) -> Table:
    """Return each kind of operation, with its ratio to the CNN's multiply-accumulates."""
    activity = evaluation.activity
    kinds = [
        ("synaptic operations (SOPs)", activity.synaptic_operations),
        *(
            (("accumulates", activity.accumulates), ("shift-and-adds", activity.shift_adds))
            if activity.graded
            else ()
        ),
        ("multiply-accumulates at the input", activity.input_macs),
        ("multiply-accumulates in the loop (at most)", activity.loop_macs),
        ("multiply-accumulates in neurons", activity.function_macs),
        ("membrane updates", activity.membrane_updates),
        ("comparisons of pooling neurons", activity.comparisons),
    ]
    kept = kinds[:1] + [(kind, number) for kind, number in kinds[1:] if number]
    rows = tuple((kind, count(number), _over(number, activity)) for kind, number in kept)
    footer = (
        "CNN: multiply-accumulates",
        count(activity.cnn_macs),
        _over(activity.cnn_macs, activity),
    )
    title = f"Operations per sample beside the CNN's, {ran(evaluation)}, {schedule(evaluation)}"
    return Table(title, ("operation", "per sample", "/ CNN MACs"), rows, footer)


def operations(evaluation: Evaluation) -> str:
    """Return a sentence with the operations of the network and of the CNN, per sample."""
    activity = evaluation.activity
    if activity.graded:
        additions = (
            f"{count(activity.accumulates)} accumulates and {count(activity.shift_adds)} "
            "shift-and-adds (one for each bit set in a spike, counted in some samples) in "
            f"{count(activity.synaptic_operations)} synaptic operations; "
            f"{count(activity.payload_bits)} bits of payload;"
        )
    else:
        additions = f"{count(activity.synaptic_operations)} synaptic additions;"
    if evaluation.windows:
        return (
            f"Operations per sample: {additions} each adds a weight times the value of a spike; "
            "the CNN: "
            f"{count(activity.cnn_macs)} multiply-accumulates."
        )
    functions = ""
    if activity.function_evaluations:
        functions = f" {count(activity.function_evaluations)} function evaluations in neurons"
        if activity.function_macs:
            functions += f" with {count(activity.function_macs)} multiply-accumulates"
        functions += ";"
    if activity.loop_macs:
        functions += f" at most {count(activity.loop_macs)} multiply-accumulates in the loop;"
    return (
        f"Operations per sample: {additions}{functions} {count(activity.input_macs)} "
        f"multiply-accumulates at the input; {count(activity.membrane_updates)} membrane updates; "
        f"the CNN: {count(activity.cnn_macs)} multiply-accumulates."
    )


def comparison(evaluation: Evaluation) -> str:
    """Return whether the network takes more operations than its CNN; "" for a CNN of 0 MACs."""
    activity = evaluation.activity
    if not activity.cnn_macs:
        return ""
    name = "additions of a weight times a spike's value" if evaluation.windows else "additions"
    additions, *others = [
        (activity.additions, name),
        (activity.macs, "multiply-accumulates"),
        (activity.membrane_updates, "membrane updates"),
        (activity.comparisons, "comparisons"),
    ]
    total = sum(number for number, _ in (additions, *others))
    kind = "more" if total > activity.cnn_macs else "no more"
    first = f"{_over(additions[0], activity)} times the CNN's multiply-accumulates, as {name}"
    rest = (f"; {_over(number, activity)} times as {name}" for number, name in others if number)
    return f"The spiking network takes {kind} operations than its CNN: {first}{''.join(rest)}."
