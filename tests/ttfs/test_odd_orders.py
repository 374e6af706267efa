"""Random chains of layers in odd orders: first spikes compute the CNN, or the layer is refused."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

import spkeras
from spkeras.errors import DataError, UnsupportedLayerError
from spkeras.frontend.walk import read_graph
from spkeras.graph.check import check_graph
from spkeras.passes.neurons import place_neurons
from spkeras.passes.pipeline import prepare
from spkeras.ttfs.checks import is_relu
from spkeras.ttfs.lower import folded, plan_of
from tests import networks, oracle_layers
from tests.ttfs.test_other_kernels import rectified

pytestmark = pytest.mark.slow

MAPS = {
    "conv": lambda n: layers.Conv2D(n, 2, activation="relu"),
    "same": lambda n: layers.Conv2D(n, 3, padding="same", activation="relu"),
    "depthwise": lambda n: layers.DepthwiseConv2D(2),
    "relu": lambda n: layers.ReLU(),
    "norm": lambda n: layers.BatchNormalization(),
    "rescaling": lambda n: layers.Rescaling(0.5, 0.25),
    "maximum": lambda n: layers.MaxPooling2D(2, strides=1),
    "border": lambda n: layers.MaxPooling2D(2, strides=1, padding="same"),
    "average": lambda n: layers.AveragePooling2D(2, strides=1),
    "pad": lambda n: layers.ZeroPadding2D(1),
    "crop": lambda n: layers.Cropping2D(((1, 0), (0, 1))),
    "dropout": lambda n: layers.Dropout(0.3),
}
VECTORS = {
    "dense": lambda n: layers.Dense(n, activation="relu"),
    "relu": MAPS["relu"],
    "norm": MAPS["norm"],
    "rescaling": MAPS["rescaling"],
}
ENDS = (layers.Flatten, layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)


def chain(seed):
    """A chain of five to ten layers, with weights of both signs."""
    rng = np.random.default_rng(seed)
    stack = [keras.Input((9, 9, 2)), layers.Conv2D(3, 2, activation="relu")]
    stack += [MAPS[rng.choice(list(MAPS))](3) for _ in range(rng.integers(2, 6))]
    stack += [ENDS[rng.integers(3)]()]
    stack += [VECTORS[rng.choice(list(VECTORS))](4) for _ in range(rng.integers(0, 4))]
    model = oracle_layers.randomize(keras.Sequential([*stack, layers.Dense(3)]), seed)
    for layer in model.layers:
        if seed % 2 and isinstance(layer, layers.BatchNormalization):
            layer.gamma.assign(np.abs(np.asarray(layer.gamma)) + 0.1)
    return model


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def test_plans_compute_the_chain_or_name_the_layer():
    done = 0
    for seed in range(24):
        model = chain(seed)
        x = np.random.default_rng(seed).random((3, 9, 9, 2)).astype("float32")
        wanted = np.asarray(model(x), "float64")
        try:
            plan = plan_of(folded(read_graph(model)), is_relu)
        except UnsupportedLayerError as error:
            for problem in error.problems:
                assert problem.split(" ")[0] in {layer.name for layer in model.layers}
                assert "; " in problem
            continue
        found = rectified(plan, x)[1]
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(found, wanted, atol=1e-5 * scale, err_msg=str(kinds(model)))
        done += 1
    assert done >= 6


def test_graphs_with_neurons_pass_the_checks_and_folding_keeps_the_function():
    chosen = networks.recipe_of("ecc").conversion(16)
    for seed in range(24):
        model = chain(seed)
        graph = prepare(read_graph(model), chosen)
        (end,) = graph.of("readout")
        nodes = tuple(node for node in graph.nodes if node is not end)
        values = replace(graph, nodes=nodes, outputs=end.inputs)
        assert oracle_layers.difference(values, model) < 1e-5, kinds(model)
        check_graph(place_neurons(graph, chosen))


@pytest.mark.parametrize("kernel", ["exponential", "exact"])
def test_an_affine_map_after_the_activation_before_a_maximum(kernel):
    """Neither negative scales nor offsets end in an internal error."""
    keras.utils.set_random_seed(0)
    norm = layers.BatchNormalization(name="norm")
    stack = [layers.Conv2D(3, 3, activation="relu"), norm]
    x = np.random.default_rng(0).random((40, 8, 8, 2)).astype("float32")
    rest = [layers.MaxPooling2D(2), layers.Conv2D(4, 2), layers.ReLU(), layers.Flatten()]
    model = keras.Sequential([keras.Input((8, 8, 2)), *stack, *rest, layers.Dense(3)])
    model = oracle_layers.randomize(model)
    norm.gamma.assign([0.5, 1.0, 2.0])
    snn = spkeras.convert(model, x, recipe="ttfs", kernel=kernel, insist=True, verbose=0)
    if kernel == "exact":
        np.testing.assert_allclose(snn.predict(x, verbose=0), model(x), atol=1e-3)
    with pytest.raises(DataError, match="received 0 to 25.*allowed: 0 to 1.*Rescaling"):
        spkeras.convert(model, 255 * x, recipe="ttfs", kernel=kernel, insist=True, verbose=0)
    norm.gamma.assign([0.5, -1.0, 2.0])
    with pytest.raises(UnsupportedLayerError, match="maximum of potentials; "):
        spkeras.convert(model, x, recipe="ttfs", kernel=kernel, insist=True, verbose=0)
