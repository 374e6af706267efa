"""What a report shows: one network measured from several sides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spkeras.metrics import Energy, Evaluation, Verification
from spkeras.metrics.evaluation import plain
from spkeras.metrics.sweep import Sweep
from spkeras.ops.arrays import Float32Array
from spkeras.report.network import LayerRange


@dataclass(frozen=True, eq=False)
class Train:
    """Spikes of some neurons of a layer over the steps, for one sample.

    Attributes:
        name: The layer's name.
        neurons: Number of its neurons.
        spikes: (T, neurons followed): 0, or what was sent.
    """

    name: str
    neurons: int
    spikes: np.ndarray


@dataclass(frozen=True, eq=False)
class Watched:
    """One sample with what both networks decided.

    Attributes:
        sample: Its index in the data.
        label: Its label; None without labels.
        cnn: The CNN's class; None for regression.
        snn: The spiking network's class.
        image: (height, width, 1 or 3) from 0 to 255; None where the input is no image.
        trains: Its spikes, layer by layer; empty where they were not recorded.
    """

    sample: int
    label: int | None
    cnn: int | None
    snn: int | None
    image: np.ndarray | None
    trains: tuple[Train, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Study:
    """A converted network, measured for a report.

    Attributes:
        title: Name of the CNN.
        evaluation: Its run, with the answers to single samples.
        energy: Its energy beside the CNN's.
        provenance: Where the figures come from, by name: file, hash, versions, command, date.
        layers: Layers of the graph, in order.
        sweep: Other networks of the same CNN, or None.
        verification: The loss by layer, or None.
        changed: Samples that changed class.
        watched: Samples whose spikes are shown.
        following: Commands that make and check this network.
    """

    title: str
    evaluation: Evaluation
    energy: Energy
    provenance: Mapping[str, str]
    layers: tuple[LayerRange, ...] = ()
    sweep: Sweep | None = None
    verification: Verification | None = None
    changed: tuple[Watched, ...] = ()
    watched: tuple[Watched, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    following: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return every number of the page as plain JSON values, without pictures and spikes."""
        confusion = None
        answers = self.evaluation.answers
        if answers and answers[0].targets is not None and answers[0].decisions is not None:
            confusion = self.evaluation.confusion()
        names = ("sample", "label", "cnn", "snn")
        record = {
            "schema": 1,
            "title": self.title,
            "evaluation": self.evaluation.to_dict(),
            "interval": self.evaluation.interval(),
            "energy": self.energy.to_dict(),
            "sweep": None if self.sweep is None else self.sweep.to_dict(),
            "verification": None if self.verification is None else self.verification.to_dict(),
            "confusion": confusion,
            "changed": [{name: getattr(w, name) for name in names} for w in self.changed],
            "layers": [vars(layer) for layer in self.layers],
            "provenance": dict(self.provenance),
        }
        return {name: plain(value) for name, value in record.items()}


def image_of(sample: np.ndarray) -> np.ndarray | None:
    """Return a sample as an image with values from 0 to 255; None where it is none.

    Args:
        sample: (height, width, 1 or 3), or (1 or 3, height, width).
    """
    value: Float32Array = np.asarray(sample, np.float32)
    if value.ndim == 2:
        value = value[..., None]
    if value.ndim != 3:
        return None
    if value.shape[-1] not in (1, 3) and value.shape[0] in (1, 3):
        value = np.moveaxis(value, 0, -1)
    if value.shape[-1] not in (1, 3) or min(value.shape[:2]) < 4:
        return None
    low, high = float(value.min()), float(value.max())
    shares = (value - low) / (high - low) if high > low else 0 * value
    return (255 * shares).astype(np.uint8)
