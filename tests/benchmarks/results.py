"""What the accuracy benchmarks share: nets, data, records, and a file that a run goes on from."""

import json
import os
import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Net:
    """A stored CNN and the data that it is measured on.

    Attributes:
        name: Its name in tables.
        model: The file.
        data: As for `spkeras evaluate --data`.
        divisor: What pixels are divided by.
    """

    name: str
    model: Path
    data: str
    divisor: float = 1.0

    @classmethod
    def parse(cls, text: str) -> "Net":
        """Read NAME=MODEL:DATA[:DIVISOR]."""
        name, _, rest = text.partition("=")
        model, data, *divisor = rest.split(":")
        return cls(name, Path(model), data, float(divisor[0]) if divisor else 1.0)

    def load(self, calibration: int, samples: int) -> tuple[Any, Any, Any]:
        """The CNN, the first training samples for calibration, and the first test samples.

        The first ones, not a random choice: figures of other tools are for these images.
        """
        import spkeras
        from spkeras.data import fit_inputs, read_data

        cnn = spkeras.load_model(self.model)
        parts = (
            first(read_data(self.data, part=part, samples=None, scale=self.divisor), count)
            for part, count in (("train", calibration), ("test", samples))
        )
        return (cnn, *(fit_inputs(part, cnn) for part in parts))


def first(data: Any, samples: int) -> Any:
    """The first samples of a data set."""
    y = None if data.y is None else data.y[:samples]
    return replace(data, x=tuple(x[:samples] for x in data.x), y=y)


class Results:
    """Records by net and key in a JSON file, written whole after each one.

    Args:
        path: The file; what it holds is not measured again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.nets: dict[str, dict[str, Any]] = {}
        if path.exists():
            self.nets = json.loads(path.read_text())["nets"]

    def holds(self, net: str, key: str) -> bool:
        """Whether this record is there."""
        return key in self.nets.get(net, {})

    def put(self, net: str, key: str, record: dict[str, Any]) -> None:
        """Add a record and write the file."""
        self.nets.setdefault(net, {})[key] = record
        part = self.path.with_name(self.path.name + ".part")
        part.write_text(json.dumps({"on": _machine(), "nets": self.nets}, indent=1) + "\n")
        os.replace(part, self.path)


def _machine() -> dict[str, str]:
    import keras

    return {
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "python": platform.python_version(),
        "cpus": str(os.cpu_count()),
    }


def measured(snn: Any, x: Any, y: Any, **settings: Any) -> dict[str, Any]:
    """One run of a converted network over labelled samples.

    Returns:
        Accuracy at T of the network and of the CNN, spikes, and operations per sample.
    """
    import spkeras

    result = spkeras.evaluate(snn, x, y, **settings)
    return {
        "samples": result.samples,
        "schedule": result.schedule,
        "timesteps": result.timesteps,
        "latency": result.latency,
        "stagger": result.settings["stagger"],
        "accuracy": round(float(result.accuracy[-1]), 4),
        "cnn": round(float(result.cnn_accuracy), 4),
        "agreement": round(float(result.agreement[-1]), 4),
        "seconds": round(result.seconds, 1),
        **operations(result.activity),
    }


def operations(activity: Any) -> dict[str, float]:
    """Spikes per neuron, and operations per sample."""
    return {
        "spikes_per_neuron": round(activity.spikes_per_neuron, 3),
        "synaptic_operations": round(activity.synaptic_operations),
        "loop_macs": round(activity.loop_macs),
        "membrane_updates": round(activity.membrane_updates),
        "cnn_macs": activity.cnn_macs,
    }


def cost(record: dict[str, Any]) -> str:
    """Operations over the CNN's multiply-accumulates: additions + membrane updates.

    Where linear layers are computed in the loop their multiply-accumulates stand between them.
    """
    shares = [
        record[name] / record["cnn_macs"]
        for name in ("synaptic_operations", "loop_macs", "membrane_updates")
    ]
    additions, macs, updates = (
        f"{share:.2g}" if share < 10 else f"{share:.0f}" for share in shares
    )
    return (
        f"{additions} + {macs} MAC + {updates}"
        if record["loop_macs"]
        else f"{additions} + {updates}"
    )


def percent(share: float, digits: int = 1) -> str:
    """A share as a table shows it."""
    return f"{100 * share:.{digits}f}"
