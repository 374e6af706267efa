"""What runs in a worker: a network from a file's bytes, and one batch at a time."""

import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spkeras
from spkeras.errors import ClusterError

# Networks that a worker keeps ready, compiled; a sweep comes back to the latest ones only.
_KEPT = 4
_ready: "OrderedDict[Configuration, Any]" = OrderedDict()


@dataclass(frozen=True)
class Configuration:
    """Which network runs, and how; equal ones share what a worker has compiled.

    Attributes:
        sha256: Of the network's file.
        settings: Pairs of a spike loop's setting and its value.
        engine: "dense", "events" or "auto".
        versions: What a worker must have to give the caller's result; see `versions`.
    """

    sha256: str
    settings: tuple[tuple[str, Any], ...]
    engine: str
    versions: tuple[tuple[str, str], ...]


def versions() -> tuple[tuple[str, str], ...]:
    """What decides about the sums of a batch: versions of the library, of Keras, its backend."""
    import keras

    return (
        ("spkeras", spkeras.__version__),
        ("keras", keras.__version__),
        ("backend", keras.backend.backend()),
        ("backend's version", _backend_version(keras.backend.backend())),
    )


def _backend_version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    # TensorFlow goes by several names.
    for package in (name, f"{name}-cpu"):
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return "unknown"


def run_batch(model: bytes, configuration: Configuration, shard: Any) -> Any:
    """Run one batch of an evaluation.

    Args:
        model: The network's file (.keras).
        configuration: Which network this is, and how it runs.
        shard: The batch, a `spkeras.facade.shards.Shard`.

    Returns:
        Its `Part`.

    Raises:
        ClusterError: this worker has other versions than the caller.
    """
    from spkeras.facade.shards import run_shard

    if configuration not in _ready:
        _check(configuration)
        _ready[configuration] = _simulation(model, dict(configuration.settings), configuration)
        while len(_ready) > _KEPT:
            _ready.popitem(last=False)
    _ready.move_to_end(configuration)
    return run_shard(_ready[configuration], shard)


def _check(configuration: Configuration) -> None:
    wanted, found = dict(configuration.versions), dict(versions())
    wrong = [f"{name} {found[name]} for {wanted[name]}" for name in wanted
             if found[name] != wanted[name]]  # fmt: skip
    if wrong:
        raise ClusterError(
            f"a worker has {', '.join(wrong)}; install the same versions on all machines"
        )


def _simulation(model: bytes, settings: Mapping[str, Any], configuration: Configuration) -> Any:
    from spkeras.frontend.files import read_model
    from spkeras.simulate import Simulation
    from spkeras.snn.spike_loop import configure, loop_of

    with tempfile.TemporaryDirectory(prefix="spkeras") as folder:
        path = Path(folder, "network.keras")
        path.write_bytes(model)
        snn = read_model(path).model
    configure(snn, **settings)
    return Simulation(loop_of(snn), configuration.engine)
