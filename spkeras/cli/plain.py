"""Networks that commands read and run without Keras."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from spkeras.cli.messages import say

if TYPE_CHECKING:
    from spkeras.cli.options import DataChoice
    from spkeras.plain.network import PlainNetwork

# Data that are read without Keras.
_PLAIN_DATA = (".npz", ".npy", ".csv")


def plain_network(
    path: Path, data: "DataChoice", engine: str | None, settings: dict[str, Any]
) -> "PlainNetwork | None":
    """Return the network in a file if events run it without Keras, and say so; else None.

    Args:
        path: The file.
        data: The samples.
        engine: As given to the command.
        settings: Settings of the run.

    Raises:
        OptionError: a setting out of its range.
    """
    needs_keras = data.spec != "digits" and Path(data.spec).suffix.lower() not in _PLAIN_DATA
    if engine not in (None, "auto", "events") or needs_keras:
        return None
    from spkeras.plain.read import read_network
    from spkeras.snn.settings import configured

    network = read_network(path)
    if network is None:
        return None
    with configured(network, settings):
        if not network.runs:
            return None
    say("running by events, without Keras ...", err=True)
    return network
