"""Networks for other tools: `export` and `from_nir`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

import spkeras
from spkeras.data import DataLike, open_data
from spkeras.data.layout import Layout
from spkeras.errors import ModelFileError, OptionError, SpkerasError, shown
from spkeras.exchange.check import Comparison, compare, grid_of
from spkeras.exchange.from_raw import RESETS, parts_of
from spkeras.exchange.network import NIR, exchange_of, model_of
from spkeras.exchange.nir_file import nir_package, write_nir
from spkeras.exchange.nir_reading import read_nir
from spkeras.exchange.parts import INPUT, NEURONS, Exchange
from spkeras.exchange.plain import write_header, write_images, write_npz
from spkeras.exchange.simulators import simulator
from spkeras.exchange.starts import pulsed, with_pulses, without_pulses
from spkeras.exchange.ties import with_ties, without_ties
from spkeras.exchange.whole import check_whole_parts
from spkeras.facade.evaluation import evaluate
from spkeras.files.drafts import draft_of
from spkeras.recipes.arguments import check_arguments
from spkeras.snn.model import loop_of

# Of a NIR file, plain arrays, a C header, a folder of memory images.
# The forms, as messages name them.
_FORMS = {
    ".nir": NIR,
    ".npz": "an .npz file",
    ".h": "a C header",
    ".images": "a folder of memory images",
}
SUFFIXES = tuple(_FORMS)
# Samples that other simulators run.
CHECKED = 4


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written.

    Attributes:
        path: The file.
        layers, neurons: Layers of neurons, and neurons.
        pulsed: Inputs of the file with one more channel, for initial potentials.
        left_out: What the file cannot state, one sentence each.
        before, after: Accuracy of the network, and of what the file holds; None where it was not
            measured.
        comparisons: Other simulators beside spkeras.
    """

    path: Path
    layers: int
    neurons: int
    pulsed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    before: float | None = None
    after: float | None = None
    comparisons: tuple[Comparison, ...] = ()

    @property
    def channel(self) -> bool:
        """Whether an input of the file has one more channel."""
        return bool(self.pulsed)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values."""
        record = {**asdict(self), "path": str(self.path), "channel": self.channel}
        return {**record, "pulsed": list(self.pulsed), "left_out": list(self.left_out)}


def export(
    snn: keras.Model,
    path: str | Path,
    *,
    pools: str = "sum",
    allow_loss: bool = False,
    data: DataLike | None = None,
    labels: object = None,
    check: Sequence[str] = (),
) -> Exported:
    """Write a converted network for other tools.

    Args:
        snn: From `convert`, or loaded from a file; binary neurons under the rate code.
        path: The file: .nir for the Neuromorphic Intermediate Representation, .npz for plain arrays with
            a manifest (.json) beside it, .h for constants of C, .images for a folder of memory images.
            All but .nir state start delays.
        pools: Average pooling as a "sum" (the next weights are divided), as "average", or as a
            convolution ("conv"): tools read different ones (docs/export.md).
        allow_loss: Leave out what the file cannot state: the start delay of layers, and functions
            after the read-out.
        data: Samples. With `allow_loss` the accuracy with and without it is measured on them, with
            `check` the first four of them are run.
        labels: Their labels, where `data` has none.
        check: Simulators that run the written file: "sinabs", "snntorch", "norse", "spikingjelly".

    Returns:
        What was written, what was left out, and how the simulators compare.

    Raises:
        ExportError: all that the file cannot hold; no file is written.
        OptionError: another suffix, an option out of its range, or a package that is missing.
    """
    check_arguments(snn=snn)
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise OptionError(f"{path}: suffix {path.suffix!r}; allowed: {', '.join(SUFFIXES)}")
    is_nir = path.suffix.lower() == ".nir"
    if is_nir:
        nir_package()
    elif check:
        raise OptionError(f"{path} with check={list(check)}; allowed: a .nir file")
    for name in check:
        simulator(name)
    network, left_out = exchange_of(
        snn, str(path), pools=pools, form=_FORMS[path.suffix.lower()], allow_loss=allow_loss
    )
    accuracies: list[float | None] = [None, None]
    if left_out and data is not None:
        accuracies = [_accuracy(model, data, labels) for model in (snn, model_of(network))]
    _write(network, path)
    found: list[Comparison] = []
    if check:
        held = model_of(network) if left_out else snn
        samples = _samples(snn, network, data)
        found = compare(held, network, path, samples, simulators=check)
    layers = network.of(NEURONS)
    return Exported(
        path=path,
        layers=len(layers),
        neurons=sum(int(np.prod(part.shape)) for part in layers),
        pulsed=_pulsed(network) if is_nir else (),
        left_out=left_out,
        before=accuracies[0],
        after=accuracies[1],
        comparisons=tuple(found),
    )


def _pulsed(network: Exchange) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.name for part in pulsed(network).values()))


def _write(network: Exchange, path: Path) -> None:
    version, suffix = spkeras.__version__, path.suffix.lower()
    if suffix == ".nir":
        with draft_of(path) as draft:
            write_nir(with_pulses(without_ties(network)), draft, version)
    elif suffix == ".npz":
        write_npz(network, path, version)
    elif suffix == ".h":
        write_header(network, path, version)
    else:
        write_images(network, path, version)


def _accuracy(snn: keras.Model, data: Any, labels: object) -> float | None:
    accuracy = evaluate(snn, data, labels, verbose=0).accuracy
    return None if accuracy is None else float(accuracy[-1])


def _samples(snn: keras.Model, network: Exchange, data: DataLike | None) -> list[np.ndarray]:
    """Return the samples of each input that other simulators run, noise where none are given."""
    graph = loop_of(snn).graph
    scales = [part.arrays.get("scale", np.ones((), np.float32)) for part in network.of(INPUT)]
    if data is None:
        rng = np.random.default_rng(0)
        shapes = [(CHECKED, *node.shape) for node in graph.of("input")]
        given = [rng.random(shape) * s for shape, s in zip(shapes, scales, strict=True)]
    else:
        given = open_data(Layout.of(graph), data).head(CHECKED).x
    return [grid_of(np.asarray(x)[:CHECKED], s) for x, s in zip(given, scales, strict=True)]


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
    try:
        return model_of(exchange_in(path, reset))
    except SpkerasError:
        raise
    except Exception as error:  # what a file states can make Keras and its backend fail in any way
        raise ModelFileError(
            f"{path}: holds no network that can be built ({type(error).__name__}: {shown(error)}); "
            "write it again, for example with `spkeras export`"
        ) from error


def exchange_in(path: str | Path, reset: str | None = None) -> Exchange:
    """Return the network of a NIR file, with its initial potentials."""
    network = with_ties(without_pulses(parts_of(read_nir(path), reset)))
    check_whole_parts(network, str(path))
    return network
