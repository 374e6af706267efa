"""The operations a graph is made of: one table that every room reads.

All tensors are channels-last and shapes leave the batch axis out. Names are Keras's own,
in lower case. An operation is

* ``linear`` when it is linear (or affine) in its inputs: it stays as it is in a spiking
  network, since a sum of spikes passes through it as the sum of what each spike does;
* ``channelwise`` when each channel of its output depends on the same channel of its
  input(s) alone, by a non-negative map without offset: a scale per channel passes it.

The remaining ones (activations, maxima, products, normalisations, attention) need a neuron.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Operation:
    """What a kind of node must hold.

    Attributes:
        attributes: Names of the plain values a node of this kind has, all of them.
        arrays: Names of the arrays it may have; those in `optional` may be missing.
        inputs: Number of inputs; -1 for two or more, -2 for one or more.
        linear: Linear or affine in its inputs.
        channelwise: A positive scale per channel commutes with it.
    """

    attributes: tuple[str, ...] = ()
    arrays: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    inputs: int = 1
    linear: bool = False
    channelwise: bool = False


# What a neuron has received on each of its inputs before the first step.
OFFSETS = tuple(f"offset{index}" for index in range(8))

_WINDOW = ("pool_size", "strides", "padding")

OPERATIONS: dict[str, Operation] = {
    # dtype: the dtype the CNN's own input has. unit: what one spike (or a full current)
    # stands for, put there by normalisation.
    "input": Operation(("dtype",), ("unit",), ("unit",), inputs=0),
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
    # kernel (*window, channels_out, channels_in), as Keras keeps it. output_padding None or tuple.
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
    # The new shape is the node's own.
    "reshape": Operation((), linear=True),
    # axes: a permutation of 1..rank, as keras.layers.Permute has it.
    "permute": Operation(("axes",), linear=True),
    "add": Operation((), inputs=-1, linear=True, channelwise=True),
    "subtract": Operation((), inputs=-1, linear=True),
    # axis counts from 1 for the first axis after the batch, or from the end when negative.
    "concatenate": Operation(("axis",), inputs=-1, linear=True),
    "multiply": Operation((), inputs=-1),
    "maximum": Operation((), inputs=-1),
    "minimum": Operation((), inputs=-1),
    # function: see ACTIVATIONS; its parameters are attributes of the same node.
    # "linear" is no activation at all; slope: array for PReLU, broadcast against the shape.
    "activation": Operation(("function",), ("slope",), ("slope",)),
    # function: see FUNCTIONS; its parameters are attributes of the same node. Arrays: "weight"
    # for the functions that have one.
    "function": Operation(("function",), ("weight",), ("weight",), inputs=-2),
    # A spiking neuron: made by the passes, never by the frontend (see spkeras.ops.neuron).
    # function: of ACTIVATIONS, of FUNCTIONS, or the name of a merging operation; one input for
    # each of its arguments. pool: None, or the window of a max pooling on what it has received,
    # as attributes of "max_pool" or "global_max_pool". rounding: share of a level given in
    # advance (alpha in the papers; some activations have an alpha of their own). depth: neurons
    # before it on the longest way. code: what its spikes mean, see spkeras.ops.code. levels and
    # mantissa_bits: exponents and mantissa of a graded spike, see spkeras.ops.quantizer.
    # ceiling: a bounded ReLU's bound in the current's unit (what it can send is cut below it
    # anyway). offset0, ...: what it has received on each input before the first step; the
    # biases on the way to it, where the code wants them once and not at each step.
    "neuron": Operation(
        (
            "model", "reset", "rounding", "limit", "depth", "pool", "function", "code", "levels",
            "mantissa_bits",
        ),  # fmt: skip
        ("threshold", "ceiling", "slope", "weight", *OFFSETS),
        ("ceiling", "slope", "weight", *OFFSETS),
        inputs=-2,
    ),
    # Where the network's answer is decoded; everything behind it runs once, on real values.
    # depth and code as for a neuron; scale: what a value of 1 stands for; offset: what is added
    # to the scaled value.
    "readout": Operation(("depth", "code"), ("scale", "offset"), ("scale", "offset"), linear=True),
}

# Activation functions and the parameters each takes (as further attributes of the node).
ACTIVATIONS: dict[str, tuple[str, ...]] = {
    # Keras's ReLU: 0 or negative_slope * (x - threshold) below threshold, x above, cut at
    # max_value (None: not at all).
    "relu": ("max_value", "negative_slope", "threshold"),
    # floor(clip(x, 0, max_value) steps / max_value + shift) max_value / steps: what so many steps
    # of spikes carry. max_value None (of a neuron, which has its bound in its threshold): ReLU.
    "quantized_relu": ("max_value", "steps", "shift"),
    "linear": (),
    "prelu": (),  # with the array "slope"
    "softmax": ("axis",),
    "log_softmax": ("axis",),
    # Every other function of keras.activations, by its name, with the numbers it takes.
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
            "exponential", "glu", "hard_shrink", "hard_sigmoid", "hard_sigmoid_keras2",
            "hard_silu", "hard_tanh", "log_sigmoid", "mish", "relu6", "selu", "sigmoid",
            "silu", "soft_shrink", "softplus", "softsign", "sparse_plus",
            "sparse_sigmoid", "sparsemax", "squareplus", "tanh", "tanh_shrink",
        )
    },
}  # fmt: skip

# Functions of several inputs, or of more than one element of an input, and the parameters each
# takes. Axes count from 1 for the first axis after the batch. None of them has weights of its
# own, but for the array "weight" where it is named: gains and biases are nodes behind them.
FUNCTIONS: dict[str, tuple[str, ...]] = {
    # (x - mean) / sqrt(variance + epsilon) over the axes.
    "layer_normalization": ("axes", "epsilon"),
    # x / sqrt(variance + epsilon): the mean stays (Keras's deprecated rms_scaling).
    "variance_normalization": ("axes", "epsilon"),
    # x / sqrt(mean of squares + epsilon) over the axes.
    "rms_normalization": ("axes", "epsilon"),
    # As layer_normalization, over all axes but the batch, for each of so many equal groups of
    # neighbouring channels (last axis).
    "group_normalization": ("groups", "epsilon"),
    # x / max(length, epsilon), with the Euclidean length over the axes.
    "unit_normalization": ("axes", "epsilon"),
    # query (..., Tq, D), key (..., Tk, D), value (..., Tk, E) to (..., Tq, E), leading axes alike
    # or broadcast: softmax(scale query key^T) value. causal: a position sees itself and those
    # before it. window: it sees those less than so many positions away; None for all.
    "attention": ("scale", "causal", "window"),
    # As attention, with scores sum(weight * tanh(query + key)); weight: array (D,) or none.
    "additive_attention": ("causal",),
    # Matrix product of the last two axes, leading ones alike or broadcast.
    "matmul": (),
    # Sum of products over one axis of each (as keras.layers.Dot), of unit length first where
    # normalize is a number: the least length that they are divided by. None: as they are.
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
    "abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "cbrt", "ceil", "cos",
    "cosh", "erf", "erfc", "erfinv", "exp2", "expm1", "floor", "i0", "log", "log10", "log1p",
    "log2", "reciprocal", "round", "rsqrt", "sign", "sin", "sinc", "sinh", "sqrt", "square",
    "tan", "trunc",
)  # fmt: skip

# Names for "elementwise", of two inputs, broadcast.
PAIRWISE = ("arctan2", "divide_no_nan", "hypot", "logaddexp", "logaddexp2", "power")

# Operations of several inputs that a neuron may compute, under their own names.
MERGING = ("multiply", "maximum", "minimum")
