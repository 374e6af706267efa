"""The kinds of limits that a target may state, and what each of them means."""

from dataclasses import dataclass
from typing import Any

Value = bool | int | list[int] | list[str]


@dataclass(frozen=True)
class Limit:
    """One limit of a target.

    Attributes:
        value: A number (the largest allowed), a list (the allowed values, or one number per core),
            or whether something exists.
        source: Publication, page or code that states it.
    """

    value: Any
    source: str


@dataclass(frozen=True)
class Kind:
    """Meaning of a limit.

    Attributes:
        type: "most", "count", "choices", "words", "cores" or "exists".
        text: One noun phrase, for tables and messages.
    """

    type: str
    text: str


LIMITS: dict[str, Kind] = {
    "operations": Kind("words", "operations of a graph between neurons"),
    "convolution_axes": Kind("choices", "axes of a convolution"),
    "kernel_size": Kind("most", "kernel size of an axis"),
    "strides": Kind("choices", "strides of an axis"),
    "dilation": Kind("most", "dilation of an axis"),
    "padding": Kind("most", "zero padding on each side of an axis"),
    "pool_sizes": Kind("choices", "sizes of a pooling window on an axis"),
    "global_pooling": Kind("exists", "pooling over a whole map, whatever its size"),
    "map_size": Kind("most", "size of an axis of a layer's output"),
    "input_size": Kind("most", "size of an axis of the input"),
    "channels": Kind("most", "channels of a layer"),
    "groups": Kind("exists", "convolutions in groups"),
    "destinations": Kind("most", "layers that a layer sends its spikes to"),
    "joins": Kind("exists", "layers that add or join several layers of neurons"),
    "max_pooling": Kind("exists", "max pooling"),
    "cores": Kind("count", "cores"),
    "neurons_per_core": Kind("cores", "neurons of a core"),
    "neuron_words_per_core": Kind("cores", "words of the neuron memory of a core"),
    "weights_per_core": Kind("cores", "weights of a core"),
    "weight_words_per_core": Kind("cores", "words of the weight memory of a core"),
    "synapse_bytes_per_core": Kind("cores", "bytes of the synapse memory of a core"),
    "fan_in": Kind("most", "synapses to a neuron"),
    "fan_out": Kind("most", "synapses from a neuron"),
    "weight_bits": Kind("most", "bits of a weight, sign included"),
    "bias_bits": Kind("most", "bits of a bias, sign included"),
    "threshold_bits": Kind("most", "bits of a threshold"),
    "membrane_bits": Kind("most", "bits of a membrane potential, sign included"),
    "activation_bits": Kind("most", "bits of an activation"),
    "payload_bits": Kind("most", "bits of the value of a graded spike"),
    "resets": Kind("words", "resets after a spike"),
    "spikes": Kind("words", "spikes: binary, signed, graded"),
    "bias": Kind("exists", "biases"),
    "initial_potential": Kind("exists", "initial potentials"),
    "start_delay": Kind("exists", "layers that start after others (stagger)"),
    "relays": Kind("exists", "linear layers without a neuron between (false: relays are needed)"),
}
