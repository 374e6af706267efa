"""Names of the functions of activations and neurons, and the parameters that each takes."""

# The constant input of a neuron on each of its inputs, received before the first step.
CONSTANT_INPUTS = tuple(f"constant_input{index}" for index in range(8))

_WITHOUT_PARAMETERS = (
    "exponential glu hard_shrink hard_sigmoid hard_sigmoid_keras2 hard_silu hard_tanh "
    "log_sigmoid mish relu6 selu sigmoid silu soft_shrink softplus softsign sparse_plus "
    "sparse_sigmoid sparsemax squareplus tanh tanh_shrink"
)

# Activation functions and the parameters each takes (as further attributes of the node).
ACTIVATIONS: dict[str, tuple[str, ...]] = {
    # Keras's ReLU: 0 or negative_slope * (x - threshold) below threshold, x above, cut at
    # max_value (None: not at all).
    "relu": ("max_value", "negative_slope", "threshold"),
    # floor(clip(x, 0, max_value) steps / max_value + shift) max_value / steps: the values that
    # `steps` steps of spikes represent. max_value None (of a neuron, bounded by its threshold):
    # ReLU.
    "quantized_relu": ("max_value", "steps", "shift"),
    # level clip(floor(x / level + shift), low, high): levels of both signs.
    "quantized": ("level", "low", "high", "shift"),
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
    **dict.fromkeys(_WITHOUT_PARAMETERS.split(), ()),
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
    # A recurrent cell over a sequence of its products with the inputs, (..., steps, *positions,
    # gates * units), and states before the first step. cell: see spkeras.ops.names.GATES.
    # activation, gate: attributes of an activation. result: "sequence"|"last"|"carry". weight:
    # (*window, units, gates * units), see spkeras.ops.recurrent.
    "recurrent": ("cell", "activation", "gate", "backwards", "result"),
}

# Names for "elementwise", of one input.
ELEMENTWISE = tuple(
    "abs arccos arccosh arcsin arcsinh arctan arctanh cbrt ceil cos cosh erf erfc erfinv exp2 "
    "expm1 floor i0 log log10 log1p log2 reciprocal round rsqrt sign sin sinc sinh sqrt square "
    "tan trunc".split()
)

# Names for "elementwise", of two inputs, broadcast.
PAIRWISE = ("arctan2", "divide_no_nan", "hypot", "logaddexp", "logaddexp2", "power")

# Operations of several inputs that a neuron may compute, under their own names.
MERGING = ("multiply", "maximum", "minimum")

# Operations that a neuron computes on the sums that it receives.
MAX_POOLS = ("max_pool", "global_max_pool")
