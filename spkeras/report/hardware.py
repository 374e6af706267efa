"""Text and table on a run of a log-TTFS processor."""

from collections.abc import Mapping

from spkeras.hardware.log_ttfs.energy import LITERATURE_UJ
from spkeras.hardware.log_ttfs.operations import Operations
from spkeras.hardware.log_ttfs.run import Compared, LayerRun, RunResult
from spkeras.report.numbers import count, percent
from spkeras.report.tables import Table

_NAMES = {"cnn": "the CNN", "cat": "the network that was compiled"}


def hardware_summary(result: RunResult, others: Mapping[str, Compared] | None = None) -> str:
    """Return accuracy, latency and energy of a run, in a few lines.

    Args:
        result: Of the program.
        others: The networks that it was made from, by "cnn" and "cat".
    """
    several = len(result.answers) > 1
    accuracy = "".join(
        f", accuracy {percent(answer.accuracy)}" + f" ({answer.name})" * several
        for answer in result.answers
        if answer.accuracy is not None
    )
    energy = result.energy
    literature = ", ".join(f"{data} {value:g}" for data, value in LITERATURE_UJ.items())
    return "\n".join(
        (
            f"{result.name}: {result.samples} samples{accuracy}",
            *(_beside(name, other) for name, other in (others or {}).items()),
            f"latency {result.timing.latency} steps ({result.timing.layers} windows), a sample "
            f"every {result.timing.interval} steps in a pipeline; {result.seconds * 1e3:.3g} ms of "
            "processing elements a sample",
            f"energy, estimated with {energy.table} ({energy.node}): {energy.total:.4g} uJ a sample "
            f"(arithmetic {energy.arithmetic:.3g}, weights {energy.weights:.3g}, accumulators "
            f"{energy.membranes:.3g}, off-chip memory {energy.offchip:.3g})",
            f"literature, a 28 nm chip with VGG-16 (Lew, Lee & Park 2022), no result of this run: "
            f"{literature} uJ",
        )
    )


def _beside(name: str, other: Compared) -> str:
    accuracy = "" if other.accuracy is None else f"accuracy {percent(other.accuracy)}, "
    return f"{_NAMES[name]}: {accuracy}the program decides alike on {percent(other.agreement)}"


def hardware_table(result: RunResult) -> Table:
    """Return operations, memory words and cycles of each layer, for one sample."""
    header = (
        "layer",
        "neurons",
        "spikes",
        "synaptic",
        "words",
        "off-chip",
        "cycles",
        "cut",
        "lost",
        "clipped",
        "bits met",
        "bits safe",
    )
    footer = ("all", "", *_counts(result.total), "", "")
    return Table("for one sample", header, tuple(map(_row, result.layers)), footer)


def _row(layer: LayerRun) -> tuple[str, ...]:
    bits = (str(layer.met_bits), str(layer.needed_bits)) if layer.needed_bits else ("", "")
    return (layer.name, count(layer.neurons), *_counts(layer.operations), *bits)


def _counts(operations: Operations) -> tuple[str, ...]:
    words = operations.weight_words + operations.membrane_words
    numbers = (
        operations.spikes,
        operations.synaptic,
        words,
        operations.offchip_words,
        operations.cycles,
        operations.cut,
        operations.lost,
        operations.clipped,
    )
    return tuple(count(number) for number in numbers)
