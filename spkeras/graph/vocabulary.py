"""The operations of a graph: the table that all modules share.

All tensors are channels-last and shapes omit the batch axis. Names are those of Keras,
in lower case. An operation is

* ``linear`` when it is linear (or affine) in its inputs: it stays unchanged in a spiking
  network, since its effect on a sum of spikes is the sum of its effects on each spike;
* ``channelwise`` when each channel of its output depends only on the same channel of its
  input(s), by a non-negative map without offset: a scale per channel commutes with it.

The other ones (activations, maxima, products, normalisations, attention) need a neuron.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Operation:
    """The required contents of a node, for one operation.

    Attributes:
        attributes: Names of the plain values; a node has all of them.
        arrays: Names of the arrays; a node has those that are not in `optional`.
        optional: Names of the arrays that may be missing.
        inputs: Number of inputs; -1 for two or more, -2 for one or more.
        linear: Whether it is linear or affine in its inputs.
        channelwise: Whether a positive scale per channel commutes with it.
    """

    attributes: tuple[str, ...] = ()
    arrays: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    inputs: int = 1
    linear: bool = False
    channelwise: bool = False


# The constant input of a neuron on each of its inputs, received before the first step.
CONSTANT_INPUTS = tuple(f"constant_input{index}" for index in range(8))

_WINDOW = ("pool_size", "strides", "padding")

OPERATIONS: dict[str, Operation] = {
    # dtype: the dtype of the CNN's input. scale: value of one spike (or of a full current), set
    # by normalisation.
    "input": Operation(("dtype",), ("scale",), ("scale",), inputs=0),
    # kernel (*window, channels_in / groups, channels_out); padding "valid"|"same"|"causal".
    # Rank 1, 2 or 3 from the kernel. strides and dilation are tuples of that rank.
    "conv": Operation(
        ("strides", "padding", "dilation", "groups"),
        ("kernel", "bias"),
        ("bias",),
        linear=True,
    ),
    # kernel (*window, channels_in, multiplier); output channel c * multiplier + m.
    "depthwise_conv": Operation(
        ("strides", "padding", "dilation"), ("kernel", "bias"), ("bias",), linear=True
    ),
    # kernel (*window, channels_out, channels_in), as in Keras. output_padding None or tuple.
    "conv_transpose": Operation(
        ("strides", "padding", "dilation", "output_padding"),
        ("kernel", "bias"),
        ("bias",),
        linear=True,
    ),
    # kernel (features_in, features_out), applied to the last axis.
    "dense": Operation((), ("kernel", "bias"), ("bias",), linear=True),
    # x * scale + offset, both broadcast against the shape (batch norm, Rescaling, ...).
    "scale": Operation((), ("scale", "offset"), ("offset",), linear=True),
    # amounts: ((before, after), ...) for each axis but the batch and the channels.
    "pad": Operation(("amounts",), linear=True, channelwise=True),
    "crop": Operation(("amounts",), linear=True, channelwise=True),
    # padding "valid"|"same"; "same" averages over the valid elements only, as Keras does.
    "average_pool": Operation(_WINDOW, linear=True, channelwise=True),
    "global_average_pool": Operation(("keepdims",), linear=True, channelwise=True),
    "max_pool": Operation(_WINDOW, channelwise=True),
    "global_max_pool": Operation(("keepdims",), channelwise=True),
    # size: repeats per axis; interpolation "nearest"|"bilinear"|...
    "upsample": Operation(("size", "interpolation"), linear=True, channelwise=True),
    # The new shape is the node's shape.
    "reshape": Operation((), linear=True),
    # axes: a permutation of 1..rank, as in keras.layers.Permute.
    "permute": Operation(("axes",), linear=True),
    "add": Operation((), inputs=-1, linear=True, channelwise=True),
    "subtract": Operation((), inputs=-1, linear=True),
    # axis counts from 1 for the first axis after the batch, or from the end when negative.
    "concatenate": Operation(("axis",), inputs=-1, linear=True),
    "multiply": Operation((), inputs=-1),
    "maximum": Operation((), inputs=-1),
    "minimum": Operation((), inputs=-1),
    # function: see ACTIVATIONS; its parameters are attributes of the same node.
    # "linear" is the identity; slope: array for PReLU, broadcast against the shape.
    "activation": Operation(("function",), ("slope",), ("slope",)),
    # function: see FUNCTIONS; its parameters are attributes of the same node. Arrays: "weight"
    # for the functions that have one.
    "function": Operation(("function",), ("weight",), ("weight",), inputs=-2),
    # A spiking neuron: made by the passes, never by the frontend (see spkeras.ops.neuron).
    # function: of ACTIVATIONS, of FUNCTIONS, or the name of a merging operation; one input for
    # each of its arguments. pool: None, or the window of a max pooling on its received inputs,
    # as attributes of "max_pool" or "global_max_pool". initial_potential: as a fraction
    # of a level (alpha in the papers). depth:
    # neurons before it on the longest path. spike_code: see spkeras.ops.code. levels
    # and mantissa_bits: exponents and mantissa of a graded spike, see spkeras.ops.quantizer.
    # ceiling: bound of a bounded ReLU, in the unit of the current. constant_input0, ...: received
    # on each input before the first step: the biases upstream, where the code delivers them once
    # instead of at each step.
    "neuron": Operation(
        (
            "model",
            "reset",
            "initial_potential",
            "max_spikes_per_step",
            "depth",
            "pool",
            "function",
            "spike_code",
            "levels",
            "mantissa_bits",
        ),
        ("threshold", "ceiling", "slope", "weight", *CONSTANT_INPUTS),
        ("ceiling", "slope", "weight", *CONSTANT_INPUTS),
        inputs=-2,
    ),
    # Decodes the network's output; everything after it runs once, on real values.
    # depth and spike_code as for a neuron; scale: value of a decoded 1; offset: is added to the
    # scaled value.
    "readout": Operation(
        ("depth", "spike_code"), ("scale", "offset"), ("scale", "offset"), linear=True
    ),
}

# Activation functions and the parameters each takes (as further attributes of the node).
ACTIVATIONS: dict[str, tuple[str, ...]] = {
    # Keras's ReLU: 0 or negative_slope * (x - threshold) below threshold, x above, cut at
    # max_value (None: not at all).
    "relu": ("max_value", "negative_slope", "threshold"),
    # floor(clip(x, 0, max_value) steps / max_value + shift) max_value / steps: the values that
    # `steps` steps of spikes represent. max_value None (of a neuron, bounded by its threshold):
    # ReLU.
    "quantized_relu": ("max_value", "steps", "shift"),
    "linear": (),
    "prelu": (),  # with the array "slope"
    "softmax": ("axis",),
    "log_softmax": ("axis",),
    # Every other function of keras.activations, by its name, with its parameters.
    "elu": ("alpha",),
    "celu": ("alpha",),
    "leaky_relu": ("negative_slope",),
    "gelu": ("approximate",),
    "threshold": ("threshold", "default_value"),
    "ttfs": ("timesteps", "tau", "theta0"),  # see spkeras.ops.ttfs
    "phase": ("bits", "theta0"),  # see spkeras.ops.phase_burst
    "burst": ("timesteps", "theta"),
    **{
        name: ()
        for name in (
            "exponential",
            "glu",
            "hard_shrink",
            "hard_sigmoid",
            "hard_sigmoid_keras2",
            "hard_silu",
            "hard_tanh",
            "log_sigmoid",
            "mish",
            "relu6",
            "selu",
            "sigmoid",
            "silu",
            "soft_shrink",
            "softplus",
            "softsign",
            "sparse_plus",
            "sparse_sigmoid",
            "sparsemax",
            "squareplus",
            "tanh",
            "tanh_shrink",
        )
    },
}

# Functions of several inputs, or of more than one element of an input, and the parameters each
# takes. Axes count from 1 for the first axis after the batch. None has weights, except the array
# "weight" where it is named: gains and biases are separate nodes after them.
FUNCTIONS: dict[str, tuple[str, ...]] = {
    # (x - mean) / sqrt(variance + epsilon) over the axes.
    "layer_normalization": ("axes", "epsilon"),
    # x / sqrt(variance + epsilon): the mean stays (Keras's deprecated rms_scaling).
    "variance_normalization": ("axes", "epsilon"),
    # x / sqrt(mean of squares + epsilon) over the axes.
    "rms_normalization": ("axes", "epsilon"),
    # As layer_normalization, over all axes but the batch, for each of `groups` equal groups of
    # neighbouring channels (last axis).
    "group_normalization": ("groups", "epsilon"),
    # x / max(length, epsilon), with the Euclidean length over the axes.
    "unit_normalization": ("axes", "epsilon"),
    # query (..., Tq, D), key (..., Tk, D), value (..., Tk, E) to (..., Tq, E), leading axes alike
    # or broadcast: softmax(scale query key^T) value. causal: a query attends to its position
    # and to those before it. window: only to positions less than `window` away; None for all.
    "attention": ("scale", "causal", "window"),
    # As attention, with scores sum(weight * tanh(query + key)); weight: array (D,) or none.
    "additive_attention": ("causal",),
    # Matrix product of the last two axes, leading ones alike or broadcast.
    "matmul": (),
    # Sum of products over one axis of each (as keras.layers.Dot). normalize: both are divided
    # first by the larger of their length and this number; None: no division.
    "dot": ("axes", "normalize"),
    # First input over second, elementwise, broadcast.
    "divide": (),
    # Elementwise functions of keras.ops by their name there: see ELEMENTWISE and PAIRWISE.
    "elementwise": ("name",),
    # x to the power of a constant number.
    "power": ("exponent",),
}

# Names for "elementwise", of one input.
ELEMENTWISE = (
    "abs",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctanh",
    "cbrt",
    "ceil",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "erfinv",
    "exp2",
    "expm1",
    "floor",
    "i0",
    "log",
    "log10",
    "log1p",
    "log2",
    "reciprocal",
    "round",
    "rsqrt",
    "sign",
    "sin",
    "sinc",
    "sinh",
    "sqrt",
    "square",
    "tan",
    "trunc",
)

# Names for "elementwise", of two inputs, broadcast.
PAIRWISE = ("arctan2", "divide_no_nan", "hypot", "logaddexp", "logaddexp2", "power")

# Operations of several inputs that a neuron may compute, under their own names.
MERGING = ("multiply", "maximum", "minimum")
