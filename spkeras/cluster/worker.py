"""Code that runs in a worker: it loads a network from bytes and runs one batch at a time."""

import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import spkeras
from spkeras.errors import ClusterError

if TYPE_CHECKING:
    from spkeras.facade.parts import Part, Shard
    from spkeras.simulation import Simulator


# Number of compiled networks that a worker keeps; a sweep returns only to the latest ones.
_KEPT = 4
_ready: "OrderedDict[Configuration, Any]" = OrderedDict()


@dataclass(frozen=True)
class Configuration:
    """Network and settings of a task; workers reuse what they compiled for an equal one.

    Attributes:
        sha256: Hash of the network's file.
        settings: Pairs of a spike loop's setting and its value.
        engine: "dense", "events" or "auto".
        versions: Versions that a worker must have to give the caller's result; see `versions`.
    """

    sha256: str
    settings: tuple[tuple[str, Any], ...]
    engine: str
    versions: tuple[tuple[str, str], ...]


def versions() -> tuple[tuple[str, str], ...]:
    """Return the versions that sums depend on: of spkeras, of Keras, and of its backend."""
    import keras

    return (
        ("spkeras", spkeras.__version__),
        ("keras", keras.__version__),
        ("backend", keras.backend.backend()),
        ("backend's version", _backend_version(keras.backend.backend())),
    )


def _backend_version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    # TensorFlow is published under several package names.
    for package in (name, f"{name}-cpu"):
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return "unknown"


def run_batch(model: bytes, configuration: Configuration, shard: "Shard") -> "Part":
    """Run one batch of an evaluation.

    Args:
        model: The network's file (.keras).
        configuration: The network's identity and its settings.
        shard: The batch, a `spkeras.facade.parts.Shard`.

    Returns:
        The result of the batch, a `spkeras.facade.parts.Part`.

    Raises:
        ClusterError: this worker has other versions than the caller.
    """
    from spkeras.facade.parts import run_shard

    if configuration not in _ready:
        _check(configuration)
        _ready[configuration] = _simulation(model, dict(configuration.settings), configuration)
        while len(_ready) > _KEPT:
            _ready.popitem(last=False)
    _ready.move_to_end(configuration)
    return run_shard(_ready[configuration], shard)


def _check(configuration: Configuration) -> None:
    wanted, found = dict(configuration.versions), dict(versions())
    wrong = [
        f"{name} {found[name]} for {wanted[name]}" for name in wanted if found[name] != wanted[name]
    ]
    if wrong:
        raise ClusterError(
            f"a worker has {', '.join(wrong)}; install the same versions on all machines"
        )


def _simulation(
    model: bytes, settings: Mapping[str, Any], configuration: Configuration
) -> "Simulator":
    from spkeras.keras_files import read_model
    from spkeras.simulation import Simulator
    from spkeras.snn.model import configure, loop_of

    with tempfile.TemporaryDirectory(prefix="spkeras") as folder:
        path = Path(folder, "network.keras")
        path.write_bytes(model)
        snn = read_model(path).model
    configure(snn, **settings)
    return Simulator(loop_of(snn), configuration.engine)
