"""One table for training, encoding and decoding."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from spkeras.errors import OptionError
from spkeras.layers import BurstActivation, PhaseActivation, TTFSActivation
from spkeras.ops import ttfs, ttfs_tensors
from tests import oracle_ttfs as oracle

KERNELS = [(24, 4, 1.0), (1, 1, 1.0), (8, 1, 4.0), (12, 3, 0.5), (255, 40, 1.0), (16, 0.5, 1.0)]


def around(levels):
    """Each level, the floats next to it, and the middle to the next."""
    below, above = np.nextafter(levels, 0), np.nextafter(levels, np.inf)
    middles = np.sqrt(levels[1:] * levels[:-1])
    ends = [0.0, -1.0, levels[0] * 3, levels[-1] / 2, np.finfo(float).tiny]
    return np.concatenate([levels, below, above, middles, ends])


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_times_are_those_of_stepping_through_the_window(kernel):
    table = ttfs.kernel_table(*kernel)
    u = around(table)
    expected = [oracle.first_step(value, *kernel) for value in u]
    np.testing.assert_array_equal(ttfs.encode(u, table), expected)
    assert set(expected) >= {0, kernel[0]}


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_tensors_and_arrays_agree_at_every_level(kernel):
    table = ttfs.kernel_table(*kernel)
    u = np.concatenate([around(table.astype("float32").astype("float64")), around(table)])
    u = u.astype("float32")
    times = ttfs.encode(u, table)
    np.testing.assert_array_equal(ops.convert_to_numpy(ttfs_tensors.spike_times(u, table)), times)
    values = ttfs.decode(times, table).astype("float32")
    rounded = ops.convert_to_numpy(ttfs_tensors.rounded_down(ops.convert_to_tensor(u), table))
    np.testing.assert_array_equal(rounded, values)
    decoded = ttfs_tensors.spike_values(
        ops.convert_to_tensor(times.astype("int32")), table, "float32"
    )
    np.testing.assert_array_equal(ops.convert_to_numpy(decoded), values)


@given(st.floats(0, 10), st.integers(1, 60), st.floats(1, 30))
def test_rounds_down_by_less_than_a_step(u, timesteps, tau):
    table = ttfs.kernel_table(timesteps, tau)
    value = ttfs.decode(ttfs.encode(np.array([u]), table), table)[0]
    assert value <= u
    assert value == 0 or u >= table[0] or u < value * 2 ** (1 / tau) * (1 + 1e-12)
    assert value > 0 or u < table[-1]
    assert ttfs.decode(ttfs.encode(np.array([value]), table), table)[0] == value


@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_bfloat16"])
def test_activation_is_the_table(dtype):
    if dtype == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX has no float64 here")
    table = ttfs.kernel_table(24, 4)
    u = around(table).astype("float64" if dtype == "float64" else "float32")
    layer = TTFSActivation(24, 4, dtype=dtype)
    layer.autocast = False
    found = ops.convert_to_numpy(ops.cast(layer(ops.convert_to_tensor(u)), "float64"))
    expected = ttfs.decode(ttfs.encode(u, table), table).astype(u.dtype).astype("float64")
    tolerance = {"mixed_bfloat16": 2.0**-8}.get(dtype, 0)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=0)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="uses TensorFlow's tape")
@pytest.mark.parametrize(
    "layer, top",
    [
        (TTFSActivation(6, 2, 2.0), 2.0),
        (PhaseActivation(3), 0.875),
        (BurstActivation(3, 0.25), 1.75),
    ],
    ids=lambda v: type(v).__name__,
)
def test_gradient_passes_inside_and_nowhere_else(layer, top):
    import tensorflow as tf

    x = tf.Variable([-1.0, 1e-3, 0.4, top * 0.99, top * 1.01, 9.0])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(x) * tf.constant([1.0, 2, 3, 4, 5, 6]))
    np.testing.assert_array_equal(tape.gradient(total, x), [0, 2, 3, 4, 0, 0])


def test_phase_code_is_the_sum_of_its_weighted_spikes():
    x = np.linspace(-0.2, 2.2, 97).astype("float32")
    found = ops.convert_to_numpy(PhaseActivation(4, 2.0)(x))
    for value, result in zip(x, found, strict=True):
        rest, sent = value, 0.0
        for bit in range(1, 5):
            if rest >= 2.0 * 2.0**-bit:
                rest, sent = rest - 2.0 * 2.0**-bit, sent + 2.0 * 2.0**-bit
        assert result == sent


def test_burst_code_is_what_its_neuron_sends():
    x = np.linspace(-0.5, 5, 111).astype("float32")
    found = ops.convert_to_numpy(BurstActivation(5, 0.125)(x))
    np.testing.assert_array_equal(found, [oracle.burst(float(v), 5, 0.125) for v in x])


@pytest.mark.parametrize(
    "make",
    [
        lambda: TTFSActivation(10, 2, 0.5),
        lambda: PhaseActivation(5),
        lambda: BurstActivation(4, 0.5),
    ],
)
def test_layers_are_saved_and_loaded(make, tmp_path):
    model = keras.Sequential([keras.Input((5,)), make()])
    x = np.random.default_rng(0).random((4, 5))
    model.save(tmp_path / "a.keras")
    again = keras.models.load_model(tmp_path / "a.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert again.layers[-1].get_config() == model.layers[-1].get_config()


@pytest.mark.parametrize(
    "make",
    [
        lambda: TTFSActivation(0),
        lambda: TTFSActivation(256),
        lambda: TTFSActivation(tau=0),
        lambda: TTFSActivation(theta0=-1),
        lambda: TTFSActivation(tau=float("nan")),
        lambda: PhaseActivation(0),
        lambda: BurstActivation(17),
        lambda: BurstActivation(theta=0),
    ],
)
def test_kernels_that_are_none_are_refused(make):
    with pytest.raises(OptionError):
        make()


def test_a_table_of_levels_is_taken_as_it_is():
    assert ttfs.check_levels([2, 1.5, 1.5, 0.25]) == [2.0, 1.5, 1.5, 0.25]
    assert ttfs.check_levels(np.float32([[1.0], [0.5]])) == [1.0, 0.5]


@pytest.mark.parametrize(
    "levels",
    [
        [],
        [1.0, 0.5, 0.75],
        [1.0, 2.0, 3.0],
        [1.0, 0.5, 0.0],
        [1.0, -0.5, -1.0],
        [np.inf, 1.0, 0.5],
        [1.0, np.nan, 0.5],
    ],
    ids=str,
)
def test_levels_that_do_not_fall_are_refused(levels):
    with pytest.raises(OptionError, match=f"{len(levels)} levels; allowed: positive"):
        ttfs.check_levels(levels)


@pytest.mark.parametrize(
    "kernel",
    [
        (0, 1),
        (256, 1),
        (2.5, 1),
        (4, 0),
        (4, -1),
        (4, np.inf),
        (4, np.nan),
        (4, 1, 0),
        (4, 1, -2.0),
        (4, 1, np.inf),
        (4, 1, np.nan),
    ],
)
def test_tables_that_are_none_are_refused(kernel):
    with pytest.raises(OptionError, match="timesteps=|tau=|theta0="):
        ttfs.kernel_table(*kernel)


@pytest.mark.parametrize("kernel", [(1, 1), (255, 1), (4, 0.5), (4, 1, 0.25), (4.0, 1, 0.5)])
def test_tables_at_the_ends_of_what_is_allowed(kernel):
    table = ttfs.kernel_table(*map(int, kernel[:1]), *kernel[1:])
    ttfs.check_kernel(*kernel, *([1.0] if len(kernel) < 3 else []))
    assert len(table) == kernel[0] and table[0] == (*kernel, 1.0)[2]
