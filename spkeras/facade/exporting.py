"""Networks for other tools: `export` and `from_nir`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

import spkeras
from spkeras.data import DataLike
from spkeras.errors import OptionError
from spkeras.exchange.from_raw import RESETS, parts_of
from spkeras.exchange.network import exchange_of, model_of
from spkeras.exchange.nir_file import nir_package, write_nir
from spkeras.exchange.nir_reading import read_nir
from spkeras.exchange.parts import Exchange
from spkeras.exchange.starts import with_pulses, without_pulses
from spkeras.exchange.ties import with_ties, without_ties
from spkeras.facade.evaluation import evaluate
from spkeras.files.drafts import draft_of
from spkeras.recipes.arguments import check_arguments

SUFFIXES = (".nir",)


@dataclass(frozen=True)
class Loss:
    """What a file leaves out, and the accuracy that it costs.

    Attributes:
        left_out: One sentence each.
        before, after: Accuracy of the network and of what the file holds, or their errors.
    """

    left_out: tuple[str, ...]
    before: float | None = None
    after: float | None = None


def export(
    snn: keras.Model,
    path: str | Path,
    *,
    pools: str = "sum",
    allow_loss: bool = False,
    data: DataLike | None = None,
    labels: object = None,
) -> Loss:
    """Write a converted network for other tools.

    Args:
        snn: From `convert`, or loaded from a file; binary neurons under the rate code.
        path: The file: .nir for the Neuromorphic Intermediate Representation.
        pools: Average pooling as a "sum" (the next weights are divided), as "average", or as a
            convolution ("conv"): tools read different ones (docs/export.md).
        allow_loss: Leave out what the file cannot state: the start delay of layers, and functions
            after the read-out.
        data: With `allow_loss`: samples on which the accuracy is measured with and without it.
        labels: Their labels, where `data` has none.

    Returns:
        What was left out, and the accuracies.

    Raises:
        ExportError: all that the file cannot hold; no file is written.
        OptionError: another suffix, or an option out of its range.
    """
    check_arguments(snn=snn)
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise OptionError(f"{path}: suffix {path.suffix!r}; allowed: {', '.join(SUFFIXES)}")
    nir_package()
    network, left_out = exchange_of(
        snn, str(path), pools=pools, keeps_starts=False, allow_loss=allow_loss
    )
    loss = Loss(left_out)
    if left_out and data is not None:
        found = [_accuracy(model, data, labels) for model in (snn, model_of(network))]
        loss = Loss(left_out, *found)
    with draft_of(path) as draft:
        write_nir(with_pulses(without_ties(network)), draft, spkeras.__version__)
    return loss


def _accuracy(snn: keras.Model, data: Any, labels: object) -> float | None:
    return evaluate(snn, data, labels, verbose=0).accuracy


def from_nir(path: str | Path, *, reset: str | None = None) -> keras.Model:
    """Return the network of a NIR file as a converted model.

    Args:
        path: A file that `export` or another tool wrote.
        reset: Reset of neurons after a spike where the file states none in its metadata:
            "subtract" the threshold, or set to "zero" (None), as NIR defines it.

    Raises:
        ModelFileError: the file is missing, damaged, or no NIR file.
        UnsafeFileError: it would read other files, or take far more memory than its size.
        UnsupportedLayerError: nodes that no network of spkeras has, all at once.
        OptionError: reset out of its range.
    """
    if reset not in (None, *RESETS):
        raise OptionError(f"reset={reset!r}; allowed: {', '.join(RESETS)}, or None")
    return model_of(exchange_in(path, reset))


def exchange_in(path: str | Path, reset: str | None = None) -> Exchange:
    """Return the network of a NIR file, with its initial potentials."""
    return with_ties(without_pulses(parts_of(read_nir(path), reset)))
