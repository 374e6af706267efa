"""Vocabulary shared with modules that must not import Keras: neurons, codes, engines."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from spkeras.errors import OptionError
from spkeras.ops.types import Tensor

CODES = ("rate", "differential", "delta")
# float32 resolves 2^-23 beside 1: exponents 0 to 23.
MOST_LEVELS = 24
MOST_MANTISSA_BITS = 3

# Engines of a clock-driven network: a dense pass per step, spike by spike, or in whole numbers.
ENGINES = ("auto", "dense", "events", "integers")

# Logarithmic weights: domain in which they are rounded, and rule for the full-scale range.
WEIGHT_ROUNDINGS = ("log", "linear")
FULL_SCALES = ("ceil", "nearest", "mse")


@dataclass(frozen=True, kw_only=True)
class NeuronModel:
    """A kind of neuron, by the spikes that it can send.

    Attributes:
        source: Publication.
        signed: Whether it sends negative spikes to correct earlier ones.
        burst: Whether it sends several spikes in one step (up to `max_spikes_per_step`).
        graded: Whether a spike has an exponent (one of `levels`) and a mantissa.
        spike_codes: The codes that it can send.
        emit: Function of the value that is still to be sent, in spikes, and of the layer's
            `spkeras.ops.neuron.Constants` that returns the spikes of one step. None: whole spikes,
            or graded ones.
    """

    source: str
    signed: bool = False
    burst: bool = False
    graded: bool = False
    spike_codes: tuple[str, ...] = ("rate", "differential")
    emit: Callable[[Tensor, Tensor], Tensor] | None = None

    @property
    def one_bit(self) -> bool:
        """Whether a spike is an event and nothing more."""
        return not (self.signed or self.burst or self.graded or self.emit)


NEURON_MODELS: dict[str, NeuronModel] = {
    "binary": NeuronModel(source="Cao et al. 2015; soft reset: Rueckauer et al. 2017"),
    "signed": NeuronModel(source="Wang et al. 2022 (signed neuron with memory)", signed=True),
    "burst": NeuronModel(source="Li & Zeng 2022 (burst spikes)", burst=True),
    "signed_burst": NeuronModel(source="the two combined", signed=True, burst=True),
    "multi_threshold": NeuronModel(
        source="Huang et al. 2025 (multi-threshold neuron)", signed=True, graded=True
    ),
    "sigma_delta": NeuronModel(
        source="O'Connor & Welling 2016 (sigma-delta networks)",
        signed=True,
        graded=True,
        spike_codes=("delta",),
    ),
}

# Kinds of cells of recurrent layers, and the number of products with the inputs of each unit.
GATES = {"gru": 3, "gru_reset_after": 3, "lstm": 4, "simple": 1}


def register_neuron(name: str, model: NeuronModel) -> None:
    """Add a neuron model, which recipes then offer as `neuron`.

    Args:
        name: Its name, unused so far.
        model: The spikes that it can send.

    Raises:
        OptionError: the name is taken, or the model sends no code.

    Example:
        >>> register_neuron("ternary", NeuronModel(source="doctest", signed=True))
        >>> del NEURON_MODELS["ternary"]
    """
    if name in NEURON_MODELS:
        raise OptionError(f"neuron {name!r}: the name is taken; allowed: another name")
    if not model.spike_codes or set(model.spike_codes) - set(CODES):
        raise OptionError(f"neuron {name!r}: spike_codes={model.spike_codes!r}; allowed: {CODES}")
    NEURON_MODELS[name] = model


def keras_name(name: str) -> str:
    """Return the node's name in the form that Keras allows for layers.

    "/" separates groups in HDF5 files, PyTorch forbids "." and TensorFlow most other signs.
    Different names stay different: the code of a replaced character is part of the new name.
    """
    return re.sub(
        r"[^A-Za-z0-9_-]", lambda sign: {":": "--"}.get(sign[0], f"-{ord(sign[0]):x}-"), name
    )
