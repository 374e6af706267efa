"""Tables and sentences on a verification."""

from spkeras.metrics import NeuronCheck, Verification
from spkeras.report.numbers import percent, small
from spkeras.report.tables import Table, doubling, phrase, schedule

# Up to this many steps are all shown; of a longer run only powers of two and the last.
_ALL_STEPS = 12


def verification_tables(verification: Verification) -> tuple[Table, ...]:
    """Return the tables of a verification.

    They are: folded graph against CNN, rates or values against activations, errors over the steps
    (clock-driven only), and the stages of the conversion.
    """
    course = (_course_table(verification),) if verification.steps else ()
    return (
        _check_table(verification),
        _neuron_table(verification),
        *course,
        _stage_table(verification),
    )


def _keeps_values(verification: Verification) -> bool:
    return verification.spike_code != "rate"


def _check_table(verification: Verification) -> Table:
    rows = tuple((c.name, small(c.error), small(c.relative)) for c in verification.layers)
    header = ("layer", "largest error", "relative")
    return Table("Folded graph against the CNN, floating point", header, rows)


def _neuron_table(verification: Verification) -> Table:
    parts: tuple[str, ...] = ("error", "clipping", "quantization", "unevenness")
    what, exact = "Firing rates", "as in closed form"
    if _keeps_values(verification):
        what, exact = "Values held by receiving neurons", "as coded at once"
    if any(check.parameters for check in verification.neurons):
        parts = ("error", "parameters", *parts[1:])
    rows = tuple(
        (
            check.name,
            f"{check.correlation:.4f}",
            f"{check.bias:+.4f}",
            *(f"{getattr(check, part):.4f}" for part in parts),
            *(percent(share) for share in (check.exact, check.saturated, check.silent)),
        )
        for check in verification.neurons
    )
    return Table(
        f"{what} against activations (rms, in units of the layer's scale), "
        f"{_length(verification)}{schedule(verification)}",
        ("layer", "correlation", "bias", *parts, exact, "saturated", "silent"),
        rows,
    )


def _length(verification: Verification) -> str:
    """Return T for a title; nothing in continuous time."""
    return "" if verification.timesteps is None else f"T = {verification.timesteps}, "


def _course_table(verification: Verification) -> Table:
    steps = verification.steps
    places = list(range(len(steps))) if len(steps) <= _ALL_STEPS else doubling(steps)
    settles = verification.settles_last is not None

    def row(check: NeuronCheck) -> tuple[str, ...]:
        last = (small(check.settled),) if settles else ()
        return (check.name, *(small(check.course[place]) for place in places), *last)

    return Table(
        f"Error of each layer against {phrase(verification.reference)} after t steps (rms, "
        "relative to the rms of its activations), "
        f"{schedule(verification)}",
        (
            "layer",
            *(f"t = {steps[place]}" for place in places),
            *(("last spike at",) if settles else ()),
        ),
        tuple(row(check) for check in verification.neurons),
    )


def _stage_table(verification: Verification) -> Table:
    rows = tuple(
        (stage, percent(verification.decisions.get(stage)), small(error))
        for stage, error in verification.output_error.items()
    )
    header = ("stage", "same decision as CNN", "rms difference of outputs")
    return Table("What each stage of the conversion costs", header, rows)


def findings(verification: Verification) -> tuple[str, ...]:
    """Return the results of a verification as sentences."""
    least = f"{verification.tolerance:.1g}".replace("e-0", "e-")
    if not verification.layers:
        faithful = "The folded graph keeps no layer of the CNN unchanged: none was compared."
    elif verification.faithful:
        faithful = f"The folded graph equals the CNN in every layer (relative error below {least})."
    else:
        faithful = f"The folded graph differs from the CNN: see the relative errors above {least}."
    what, first = _word(verification), verification.departs_first
    departs = (
        f"The first layer whose {what} depart by more than its levels explain: {first}."
        if first
        else f"No layer's {what} depart by more than its levels explain."
    )
    return (faithful, *_own(verification), departs, *_settles(verification))


def _own(verification: Verification) -> tuple[str, ...]:
    if verification.reference != "own weights":
        return ()
    return (
        "The network was changed after the conversion, and its file does not hold the weights of "
        "the CNN. Layers of neurons are compared with their own parameters on real values; only "
        "the stage 'parameters' shows what the change costs.",
    )


def _word(verification: Verification) -> str:
    return "values" if _keeps_values(verification) else "rates"


def _settles(verification: Verification) -> tuple[str, ...]:
    last = verification.settles_last
    found = {check.name: check.settled for check in verification.neurons}
    settled = None if last is None else found[last]
    if settled is None:
        return ()
    text = f"The layer that settles last: {last}, {small(settled)} steps on average"
    if verification.timesteps and settled > verification.timesteps - 0.5:
        text += f"; most samples still fire at T = {verification.timesteps}"
    return (f"{text}.",)
