"""Small networks whose weights are whole numbers over 64, so that float32 loses nothing.

Names of layers are fixed: tests ask for nodes by them.
"""

import keras
import numpy as np
from keras import layers


def dyadic(model, seed=0, spread=24):
    """Give every weight a random value k / 64 with |k| <= `spread`; biases and variances positive."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        low = 1 if variable.path.endswith(("bias", "variance")) else -spread
        variable.assign(rng.integers(low, spread + 1, variable.shape) / 64)
    return model


def samples(model, count=3, seed=1, low=-4, high=16):
    """Random inputs k / 16, one array or a list of them."""
    rng = np.random.default_rng(seed)
    arrays = [
        (rng.integers(low, high + 1, (count, *tensor.shape[1:])) / 16).astype("float32")
        for tensor in model.inputs
    ]
    return arrays if len(arrays) > 1 else arrays[0]


def frayed(model, seed=2):
    """The model with biases that are no dyadic numbers: no sum lies on a tie then."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if variable.path.endswith(("bias", "beta")):
            variable.assign(rng.normal(0.1, 0.2, variable.shape))
    return model


def as_list(x):
    return x if isinstance(x, list) else [x]


def chain(seed=0):
    """conv - relu - average pooling - conv - relu - flatten - dense - softmax."""
    net = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(4, 3, padding="same", name="conv1"),
            layers.ReLU(name="relu1"),
            layers.AveragePooling2D(2, name="pool"),
            layers.Conv2D(3, 2, name="conv2", activation="relu"),
            layers.Flatten(name="flatten"),
            layers.Dense(5, name="dense", activation="softmax"),
        ],
        name="chain",
    )
    return dyadic(net, seed)


def residual(seed=0):
    """A block with an identity shortcut, one with a projection, global average pooling."""
    x = keras.Input((4, 4, 2), name="image")
    y = layers.Conv2D(4, 3, padding="same", activation="relu", name="stem")(x)
    z = layers.Conv2D(4, 3, padding="same", activation="relu", name="a1")(y)
    z = layers.Conv2D(4, 3, padding="same", name="a2")(z)
    y = layers.ReLU(name="a_out")(layers.Add(name="a_add")([y, z]))
    z = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="b1")(y)
    z = layers.Conv2D(4, 3, padding="same", name="b2")(z)
    s = layers.Conv2D(4, 1, strides=2, name="b_short")(y)
    y = layers.ReLU(name="b_out")(layers.Add(name="b_add")([z, s]))
    y = layers.GlobalAveragePooling2D(name="gap")(y)
    return dyadic(keras.Model(x, layers.Dense(3, name="dense")(y), name="residual"), seed)


def pools(seed=0):
    """Max pooling after ReLU, before ReLU, and on its own; global max pooling."""
    x = keras.Input((8, 8, 1), name="image")
    y = layers.Conv2D(3, 3, padding="same", name="conv1")(x)
    y = layers.MaxPooling2D(2, name="after")(layers.ReLU(name="relu1")(y))
    y = layers.Conv2D(4, 3, padding="same", name="conv2")(y)
    y = layers.ReLU(name="relu2")(layers.MaxPooling2D(2, name="before")(y))
    y = layers.Conv2D(4, 1, activation="relu", name="conv3")(y)
    z = layers.Conv2D(3, 2, name="conv4")(y)
    y = layers.Concatenate(name="cat")(
        [layers.GlobalMaxPooling2D(name="alone")(z), layers.GlobalMaxPooling2D(name="top")(y)]
    )
    return dyadic(keras.Model(x, layers.Dense(3, name="dense")(y), name="pools"), seed)


def depthwise(seed=0):
    """Depthwise and pointwise convolutions with ReLU6, padding apart, a transposed one."""
    x = keras.Input((5, 5, 2), name="image")
    y = layers.ZeroPadding2D(((0, 1), (0, 1)), name="pad")(x)
    y = layers.Conv2D(3, 3, strides=2, name="stem")(y)
    y = layers.ReLU(6.0, name="six1")(y)
    y = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name="deep")(y)
    y = layers.ReLU(6.0, name="six2")(y)
    y = layers.Conv2D(4, 1, activation="relu", name="point")(y)
    y = layers.Conv2DTranspose(2, 2, strides=2, activation="relu", name="up")(y)
    y = layers.Dense(3, name="dense")(layers.Flatten(name="flatten")(y))
    return dyadic(keras.Model(x, y, name="depthwise"), seed)


def concat(seed=0):
    """Two branches of different depth side by side, as in a dense block, then grouped."""
    x = keras.Input((4, 4, 2), name="image")
    y = layers.Conv2D(2, 3, padding="same", activation="relu", name="conv1")(x)
    z = layers.Conv2D(2, 3, padding="same", activation="relu", name="conv2")(y)
    y = layers.Concatenate(name="cat")([y, z])
    y = layers.Conv2D(4, 1, groups=2, activation="relu", name="grouped")(y)
    y = layers.Flatten(name="flatten")(y)
    return dyadic(keras.Model(x, layers.Dense(3, name="dense")(y), name="concat"), seed)


def several(seed=0):
    """Two inputs, two outputs; one output closed by ReLU, behind a deeper path."""
    a, b = keras.Input((4, 4, 1), name="a"), keras.Input((6,), name="b")
    y = layers.Conv2D(2, 3, activation="relu", name="conv")(a)
    y = layers.Flatten(name="flatten")(y)
    z = layers.Dense(8, activation="relu", name="fc")(b)
    y = layers.Add(name="add")([y, z])
    near = layers.Dense(2, name="near")(y)
    far = layers.Dense(4, activation="relu", name="mid")(y)
    far = layers.Dense(3, activation="relu", name="far")(far)
    return dyadic(keras.Model([a, b], [near, far], name="several"), seed)


def biased(seed=0):
    """Biases before padding, pooling, a second convolution and a sum of two branches: what
    reaches a neuron while nobody sends anything varies over positions. Batch norm: live too."""
    x = keras.Input((5, 5, 2), name="image")
    y = layers.Conv2D(3, 3, padding="same", activation="relu", name="stem")(x)
    z = layers.ZeroPadding2D(1, name="pad")(layers.Conv2D(3, 2, name="a1")(y))
    z = layers.Conv2D(4, 3, padding="same", name="a2")(z)
    z = layers.AveragePooling2D(2, padding="same", name="pool")(z)
    s = layers.Conv2D(4, 3, strides=2, padding="same", name="short")(y)
    y = layers.ReLU(name="out")(layers.Add(name="sum")([z, s]))
    # Kept live: it has an offset, and zeros are padded behind it. 1 / sqrt(1) is exact.
    y = layers.BatchNormalization(epsilon=2.0**-10, name="norm")(y)
    y = layers.DepthwiseConv2D(3, padding="same", name="deep")(y)
    y = layers.ReLU(2.0, name="six")(layers.MaxPooling2D(2, name="most")(y))
    y = layers.Dense(3, name="dense")(layers.Flatten(name="flatten")(y))
    model = dyadic(keras.Model(x, y, name="biased"), seed)
    model.get_layer("norm").moving_variance.assign(np.full(4, 1 - 2.0**-10))
    return model


def products(seed=0):
    """Squeeze and excite, a product of two convolutions, a maximum; all exact."""
    x = keras.Input((4, 4, 2), name="image")
    y = layers.Conv2D(3, 3, padding="same", activation="relu", name="stem")(x)
    z = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(y)
    z = layers.Conv2D(3, 1, name="excite")(z)
    y = layers.Multiply(name="scaled")([y, layers.ReLU(1.0, name="gate")(z)])
    a, b = (layers.Conv2D(2, 2, name=name)(y) for name in ("left", "right"))
    p, q = layers.Multiply(name="product")([a, b]), layers.Maximum(name="largest")([a, b])
    y = layers.Flatten(name="flatten")(layers.Concatenate(name="cat")([p, q]))
    y = layers.Dense(4, activation="relu", name="fc")(y)
    return dyadic(keras.Model(x, layers.Dense(3, name="dense")(y), name="products"), seed)


def sequence(seed=0):
    """A network for each of two images, a recurrent layer over them."""
    x = keras.Input((2, 4, 4, 2), name="images")
    each = keras.Sequential(
        [
            keras.Input((4, 4, 2)),
            layers.Conv2D(3, 3, padding="same", activation="relu", name="conv"),
            layers.DepthwiseConv2D(3, name="depthwise"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Flatten(name="flatten"),
        ],
        name="image_net",
    )
    y = layers.TimeDistributed(each, name="each")(x)
    y = layers.SimpleRNN(4, activation="relu", return_sequences=True, name="recurrent")(y)
    y = layers.Dense(3, name="dense")(layers.Flatten(name="all")(y))
    return dyadic(keras.Model(x, y, name="sequence"), seed)


def smooth(seed=0):
    """Swish, softmax inside, layer normalisation, attention: nothing exact but the weights."""
    x = keras.Input((3, 3, 2), name="image")
    y = layers.Conv2D(4, 3, padding="same", activation="silu", name="swish")(x)
    y = layers.Reshape((9, 4), name="tokens")(y)
    y = layers.LayerNormalization(name="norm")(y)
    q, k, v = (layers.Dense(4, name=name)(y) for name in ("query", "key", "value"))
    y = layers.Add(name="add")([y, layers.Attention(name="attention")([q, v, k])])
    y = layers.Dense(3, activation="softmax", name="inside")(y)
    y = layers.Dense(2, activation="tanh", name="mix")(layers.Flatten(name="flatten")(y))
    return dyadic(keras.Model(x, layers.Dense(3, name="dense")(y), name="smooth"), seed)


def scales_of(graph, per_channel=True, seed=5):
    """Powers of two as scales: normalising with them loses nothing either."""
    rng = np.random.default_rng(seed)
    scales = {node.name: np.float32(1.0) for node in graph.of("input")}
    for node in graph.of("neuron"):
        shape = (node.shape[-1],) if per_channel else ()
        scales[node.name] = (2.0 ** rng.integers(-1, 2, shape)).astype("float32")
    return scales


def spiking(model, per_channel=True, readout="membrane", lifted=True, **neurons):
    """The model's graph with neurons, normalised by powers of two; all arithmetic exact.

    Under a code that keeps values its biases are lifted out of the synapses, if `lifted`.
    """
    from spkeras.frontend.walk import read_graph
    from spkeras.ops.code import keeps_values
    from spkeras.passes.constant_inputs import lift_biases
    from spkeras.passes.neurons import place_neurons
    from spkeras.passes.normalize import normalize
    from spkeras.passes.pipeline import prepare
    from spkeras.snn.ann import bias_currents

    chosen = recipe_of(readout=readout, **neurons).conversion(64)
    graph = place_neurons(prepare(read_graph(model), chosen), chosen)
    graph = normalize(graph, scales_of(graph, per_channel))
    if not (lifted and keeps_values(chosen.spike_code)):
        return graph
    return lift_biases(graph, bias_currents(graph))


def recipe_of(recipe="ecc", **options):
    """A recipe with few levels and bursts of up to three spikes, where it has them."""
    from spkeras.recipes import get

    own = {
        "burst": {"max_spikes_per_step": 3},
        "signed_burst": {"max_spikes_per_step": 3},
        "multi_threshold": {"levels": 6},
    }
    if options.get("neuron") == "sigma_delta":
        recipe = options.pop("neuron")
    extra = {"levels": 6} if recipe == "sigma_delta" else own.get(options.get("neuron"), {})
    return get(recipe, "conversion", **{**extra, **options})


def convert(model, data, recipe="ecc", **options):
    """`spkeras.convert` with options of the recipe and of the simulation side by side."""
    import spkeras

    names = spkeras.Simulation.options()
    settings = {name: options.pop(name) for name in list(options) if name in names}
    simulation = spkeras.Simulation(**settings)
    return spkeras.convert(model, data, recipe, simulation=simulation, **options)


def fingerprint(graph):
    """Everything a graph holds, as one value to compare."""
    import hashlib

    parts = [graph.name, graph.outputs, graph.notes, sorted(graph.settings.items())]
    for node in graph.nodes:
        parts += [node.name, node.op, node.inputs, node.shape, sorted(node.attributes.items())]
        parts += [
            (k, a.dtype.str, a.shape, hashlib.sha256(a.tobytes()).hexdigest())
            for k, a in sorted(node.arrays.items())
        ]
    return repr(parts)
