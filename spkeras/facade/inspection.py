"""Which layers of a model convert, and why, before a conversion."""

import keras

from spkeras.errors import OptionError
from spkeras.frontend.verdict import LayerVerdict, inspect_layers
from spkeras.ops.names import CODES
from spkeras.ttfs.verdict import inspect_windows

_TIMES = "ttfs"


def inspect(model: keras.Model, spike_code: str = "rate") -> tuple[LayerVerdict, ...]:
    """Return one verdict per layer call, in the order of computation; no layer raises.

    Args:
        model: The Keras model. One that cannot be read at all (subclassed, not built, open
            input shape) gives one refused verdict under its own name.
        spike_code: Code of the spikes: "rate" (recipe "ecc" and those of binary spikes), "delta"
            (recipe "sigma_delta") or "differential", under which neurons hold values, or "ttfs"
            (recipe "ttfs"), under which the time of a spike is the value.

    Raises:
        OptionError: the code is unknown.
    """
    if spike_code == _TIMES:
        return inspect_windows(model)
    if spike_code not in CODES:
        raise OptionError(f"spike_code={spike_code!r}; allowed: {', '.join((*CODES, _TIMES))}")
    return inspect_layers(model, spike_code)
