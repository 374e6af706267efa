"""Functions of several values on the backend against NumPy in float64."""

import inspect

import keras
import numpy as np
import pytest

from spkeras.graph.vocabulary import ELEMENTWISE, FUNCTIONS, MERGING, PAIRWISE
from spkeras.ops import activation, function, properties
from tests import oracle_functions
from tests.versions import with_versions

TOLERANCE = 1e-5


def values(*shapes, low=-2.0, high=2.0, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.uniform(low, high, shape).astype("float32") for shape in shapes]


def check(kind, xs, **numbers):
    tensors = [keras.ops.convert_to_tensor(x) for x in xs]
    found = keras.ops.convert_to_numpy(function.apply(kind, tensors, numbers))
    wanted = oracle_functions.FUNCTIONS[kind](*(x.astype("float64") for x in xs), **numbers)
    assert found.shape == wanted.shape
    worst = np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-3)
    assert worst < TOLERANCE
    return found


def test_every_name_of_the_vocabulary_is_known():
    for name in (*FUNCTIONS, *MERGING):
        assert properties.needs_values("function", name)
    assert set(oracle_functions.FUNCTIONS) == set(FUNCTIONS)
    assert set(oracle_functions.ELEMENTWISE) == {*ELEMENTWISE, *PAIRWISE}


def test_parameters_of_the_oracle_are_those_of_the_vocabulary():
    for name, parameters in FUNCTIONS.items():
        function = oracle_functions.FUNCTIONS[name]
        # NumPy 1 does not tell the parameters of its own functions.
        own = () if isinstance(function, np.ufunc) else inspect.signature(function).parameters
        assert set(parameters) <= set(own), name


@pytest.mark.parametrize("epsilon", [1e-6, 1e-3, 0.5])
@pytest.mark.parametrize("axes", [(1,), (3,), (1, 3), (1, 2, 3)], ids=str)
@pytest.mark.parametrize("kind", ["layer", "variance", "rms", "unit"])
def test_normalization(kind, axes, epsilon):
    check(f"{kind}_normalization", values((2, 3, 4, 5)), axes=axes, epsilon=epsilon)


def test_normalization_of_small_and_large_values():
    for scale in (1e-3, 1e4):
        (x,) = values((3, 8))
        check("layer_normalization", [scale * x + scale], axes=(1,), epsilon=1e-6)
        check("unit_normalization", [scale * x], axes=(1,), epsilon=1e-12)


def test_unit_length_of_nothing_is_nothing():
    zeros = keras.ops.zeros((2, 4))
    assert not keras.ops.any(
        function.apply("unit_normalization", [zeros], {"axes": (1,), "epsilon": 1e-12})
    )


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("shape", [(2, 6), (2, 3, 6), (2, 3, 4, 6)], ids=str)
def test_group_normalization(shape, groups):
    check("group_normalization", values(shape), groups=groups, epsilon=1e-3)


QUERIES = {
    "self": [(2, 5, 4), (2, 5, 4), (2, 5, 3)],
    "cross": [(2, 3, 4), (2, 6, 4), (2, 6, 2)],
    "long": [(2, 6, 4), (2, 3, 4), (2, 3, 2)],
    "heads": [(2, 3, 5, 4), (2, 3, 6, 4), (2, 3, 6, 2)],
    "shared": [(2, 2, 3, 5, 4), (2, 2, 1, 6, 4), (2, 2, 1, 6, 2)],
}


@pytest.mark.parametrize("window", [None, 1, 2])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("case", QUERIES)
def test_attention(case, causal, window):
    if case == "long" and window:
        pytest.skip("a query that sees nothing")
    check("attention", values(*QUERIES[case]), scale=0.7, causal=causal, window=window)


def test_attention_with_scores_beyond_float32_exponents():
    check(
        "attention", values((1, 4, 3), (1, 5, 3), (1, 5, 2)), scale=200.0, causal=True, window=None
    )


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("case", ["self", "cross", "heads"])
def test_additive_attention(case, causal, weighed):
    weight = {"weight": values((4,), seed=3)[0]} if weighed else {}
    check("additive_attention", values(*QUERIES[case]), causal=causal, **weight)


@pytest.mark.parametrize(
    "shapes",
    [
        [(2, 3, 4), (2, 4, 5)],
        [(2, 2, 3, 4), (2, 2, 4, 1)],
        [(2, 1, 3, 4), (2, 6, 4, 2)],
    ],
    ids=str,
)
def test_matrix_product(shapes):
    check("matmul", values(*shapes))


@pytest.mark.parametrize("normalize", [None, 1e-7, 2.0])
@pytest.mark.parametrize(
    "shapes, axes",
    [
        ([(2, 4), (2, 4)], (1, 1)),
        ([(2, 3, 4), (2, 5, 4)], (2, 2)),
        ([(2, 3, 4), (2, 3, 5)], (1, 1)),
        ([(2, 4), (2, 3, 4)], (1, 2)),
        ([(2, 3, 4), (2, 4)], (2, 1)),
        ([(2, 3, 4, 2), (2, 5, 4)], (2, 2)),
        ([(2, 3, 4), (2, 5, 3, 2)], (1, 2)),
    ],
    ids=str,
)
def test_dot(shapes, axes, normalize):
    check("dot", values(*shapes), axes=axes, normalize=normalize)


# Functions of later versions of Keras.
NEWER = {"erfc": "3.15", "i0": "3.14", "sinc": "3.14"}
DOMAINS = {
    "arccos": (-0.9, 0.9),
    "arccosh": (1.1, 3.0),
    "arcsin": (-0.9, 0.9),
    "arctanh": (-0.9, 0.9),
    "erfinv": (-0.9, 0.9),
    "log": (0.1, 3.0),
    "log10": (0.1, 3.0),
    "log1p": (-0.9, 3.0),
    "log2": (0.1, 3.0),
    "power": (0.1, 3.0),
    "reciprocal": (0.3, 2.0),
    "rsqrt": (0.1, 3.0),
    "sqrt": (0.1, 3.0),
    "tan": (-1.2, 1.2),
}


@pytest.mark.parametrize("name", with_versions(ELEMENTWISE, NEWER))
def test_elementwise(name):
    low, high = DOMAINS.get(name, (-3.0, 3.0))
    check("elementwise", values((2, 50), low=low, high=high), name=name)


@pytest.mark.parametrize("name", PAIRWISE)
def test_elementwise_of_two(name):
    low, high = DOMAINS.get(name, (-3.0, 3.0))
    check("elementwise", values((2, 1, 5), (2, 3, 5), low=low, high=high), name=name)


def test_divide():
    (x,), (y,) = values((2, 3, 4)), values((2, 1, 4), low=0.5, seed=1)
    check("divide", [x, y])
    found = function.apply("elementwise", [x, 0 * y], {"name": "divide_no_nan"})
    assert not keras.ops.any(found)


@pytest.mark.parametrize("exponent", [-1.5, 0.5, 3.0])
def test_power(exponent):
    check("power", values((2, 20), low=0.2), exponent=exponent)


@pytest.mark.parametrize("name", MERGING)
def test_merging(name):
    xs = values((2, 3, 4), (2, 3, 4), (2, 1, 4))
    wanted = {"multiply": np.multiply, "maximum": np.maximum, "minimum": np.minimum}[name]
    found = keras.ops.convert_to_numpy(function.apply(name, xs, {}))
    np.testing.assert_array_equal(found, wanted(wanted(xs[0], xs[1]), xs[2]))


GRID = np.linspace(-2.2, 2.2, 40001).astype("float32")


def on_the_grid(name):
    """An elementwise function or an activation along a fine grid."""
    if name in ELEMENTWISE:
        found = function.apply("elementwise", [GRID[None]], {"name": name})
    else:
        numbers = {"threshold": 0.3, "default_value": -1.0} if name == "threshold" else {}
        found = activation.apply(name, keras.ops.convert_to_tensor(GRID[None]), numbers)
    return keras.ops.convert_to_numpy(found)[0]


@pytest.mark.parametrize(
    "name",
    with_versions([*ELEMENTWISE, "hard_shrink", "threshold", "tanh", "hard_tanh"], NEWER),
)
def test_where_functions_jump_or_end(name):
    """What is said of them without tensors is what they do."""
    found = on_the_grid(name)
    kind, numbers = ("elementwise", {"name": name}) if name in ELEMENTWISE else (name, {})
    assert properties.is_partial(kind, numbers) == bool(np.isnan(found).any())
    # Poles are no jumps: the function is steep there, and far from its usual values.
    near = np.where(np.isfinite(found) & (abs(found) < 2.5), found, np.nan)
    step = np.nanmax(abs(np.diff(near)))
    assert properties.jumps(kind, numbers) == (step > 0.25)


def test_relu_jumps_at_its_threshold_alone():
    assert properties.jumps("relu", {"threshold": 0.5})
    assert not properties.jumps("relu", {"threshold": 0.0, "max_value": 1.0})


def test_functions_that_need_no_values():
    for function_name in ("relu", "tanh", "gelu", "linear"):
        assert properties.needs_values("activation", function_name) is None
    for op in ("dense", "conv", "add", "max_pool"):
        assert properties.needs_values(op) is None
    assert properties.needs_values("multiply") == "a product of two branches"
    assert "softmax" in properties.needs_values("activation", "softmax")


@pytest.mark.parametrize(
    "name, numbers, homogeneous",
    [
        ("relu", {"max_value": None, "threshold": 0.0}, True),
        ("relu", {"max_value": 6.0, "threshold": 0.0}, False),
        ("relu", {"max_value": None, "threshold": 0.5}, False),
        ("quantized_relu", {"max_value": None}, True),
        ("quantized_relu", {"max_value": 1.0}, False),
        ("linear", {}, True),
        ("prelu", {}, True),
        ("leaky_relu", {"negative_slope": 0.2}, True),
        ("tanh", {}, False),
        ("multiply", {}, False),
    ],
)
def test_functions_that_a_factor_passes(name, numbers, homogeneous):
    assert properties.is_homogeneous(name, numbers) is homogeneous
