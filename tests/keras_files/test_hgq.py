"""Layers of HGQ2, from files written by hand, against fixed-point numbers in float64."""

import numpy as np
import pytest

import spkeras
from spkeras.errors import UnsupportedLayerError
from spkeras.frontend.walk import read_graph
from spkeras.keras_files import read_model
from tests.keras_files.handmade import predict, values, write_h5, write_zip
from tests.oracle_layers import outputs

ROUND = {"RND": lambda x: np.floor(x + 0.5), "RND_CONV": np.round, "TRN": np.floor}


def fixed(x, k, i, f, rounding="RND", overflow="SAT"):
    """Fixed-point numbers with k sign bits, i bits before and f bits after the point."""
    high = 2.0 ** (i + f) - 1
    low = -k * (high if overflow == "SAT_SYM" else high + 1)
    count = ROUND[rounding](x * 2.0**f)
    count = (
        low + (count - low) % (high - low + 1) if overflow == "WRAP" else np.clip(count, low, high)
    )
    return np.where(k + i + f > 0, count * 2.0**-f, 0)


def conf(kind, rounding="RND", overflow="SAT", **more):
    config = {"q_type": kind, "round_mode": rounding, "overflow_mode": overflow, **more}
    return {"module": "hgq.quantizer.config", "class_name": "QuantizerConfig", "config": config}


def layer(name, units, **config):
    return {
        "module": "hgq.layers.core.dense",
        "class_name": "QDense",
        "registered_name": "hgq>QDense",
        "config": {"name": name, "units": units, "enable_ebops": True, "beta0": None, **config},
    }


def network(*layers):
    inputs = {"class_name": "InputLayer", "config": {"name": "in", "batch_shape": [None, 4]}}
    return {"class_name": "Sequential", "config": {"name": "net", "layers": [inputs, *layers]}}


KERNEL, BIAS, LAST = values(4, 3), values(3, seed=1), values(3, 2, seed=2)
U = np.uint8
IQ = {"k": U([[1, 1, 0, 0]]), "i": np.float32([[1, 2, 1, 0]]), "f": np.float32([[3.2, 2, 4, 0]])}
KQ = {"k": np.ones((4, 3), U), "b": 3 + values(4, 3, seed=3), "i": np.zeros((4, 3), np.float32)}
BQ = {"k": np.ones(3, U), "b": np.float32([4, 5, 4]), "i": np.float32([2, 2, 2])}
NEXT = {"k": np.zeros((1, 3), U), "i": np.float32([[1, 1, 1]]), "f": np.float32([[2, 2, 2]])}


def stored(suffix):
    """Arrays of both layers: by name in HDF5; in zips the trained ones of a quantiser first."""
    decay = np.float32(0.01)
    if suffix == ".h5":
        first = [("net/d/kernel", KERNEL), ("net/d/bias", BIAS)]
        for place, bits in (("iq", IQ), ("kq", KQ), ("bq", BQ)):
            first += [(f"net/d/d_{place}/fixed/{name}", array) for name, array in bits.items()]
        first += [("net/d/d_iq/fixed/i_decay_speed", decay), ("net/d/ebops", decay)]
        last = [("net/o/kernel", LAST)]
        return {
            "d": first,
            "o": last + [(f"net/o/o_iq/fixed/{name}", array) for name, array in NEXT.items()],
        }
    parts = {
        "q_dense/vars": [KERNEL, BIAS, decay],
        "q_dense/iq/quantizer/vars": [IQ["f"], IQ["k"], IQ["i"], decay],
        "q_dense/kq/quantizer/vars": [KQ["b"], KQ["i"], KQ["k"]],
        "q_dense/bq/quantizer/vars": [BQ["b"], BQ["i"], BQ["k"]],
        "q_dense_1/vars": [LAST],
        "q_dense_1/iq/quantizer/vars": [NEXT["i"], NEXT["f"], NEXT["k"]],
    }
    return {f"layers/{key}/{n}": a for key, part in parts.items() for n, a in enumerate(part)}


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_numbers_of_bits_of_their_own(tmp_path, suffix):
    config = network(
        layer(
            "d",
            3,
            activation="relu",
            iq_conf=conf("kif", overflow="WRAP"),
            kq_conf=conf("kbi", "RND_CONV", "SAT_SYM"),
            bq_conf=conf("kbi", "TRN"),
        ),
        layer("o", 2, use_bias=False, kq_conf=None, iq_conf=conf("kif")),
    )
    write = write_h5 if suffix == ".h5" else write_zip
    loaded = read_model(write(tmp_path / f"net{suffix}", config, stored(suffix), "3.15.0"))
    x = 3 * values(200, 4, seed=9)
    bits = np.round(KQ["b"])
    kernel = fixed(KERNEL, 1, 0, bits, "RND_CONV", "SAT_SYM")
    bias = fixed(BIAS, 1, 2, BQ["b"] - 2, "TRN")
    hidden = fixed(x, IQ["k"].astype(float), IQ["i"], np.round(IQ["f"]), "RND", "WRAP") @ kernel
    hidden = fixed(np.maximum(hidden + bias, 0), 0, 1, 2)
    np.testing.assert_allclose(predict(loaded, x), hidden @ LAST, atol=1e-5)
    assert loaded.changes == ("quantised weights and activations of HGQ read: 'd', 'o'.",)
    # The graph has the grid of the finest element, and no overflow: mostly within one level.
    x = np.clip(x, 0, 0.8)
    found = outputs(read_graph(loaded.model), [x])[0]
    assert np.abs(found - predict(loaded, x)).mean() < 0.1 * np.abs(found).mean()
    assert {v.verdict for v in spkeras.inspect(loaded.model)} <= {"supported", "approximate"}


def test_quantisers_that_are_not_fixed_point_are_refused(tmp_path):
    for more in ({"kq_conf": conf("flt")}, {"kq_conf": conf("kbi", scaler=2.0)}, {}):
        config = network(layer("d", 3, **{"iq_conf": conf("kif"), **more}))
        arrays = {"layers/q_dense/vars/0": KERNEL, "layers/q_dense/vars/1": BIAS}
        path = write_zip(tmp_path / "net.keras", config, arrays, "3.15.0")
        with pytest.raises(UnsupportedLayerError, match="'d' .QDense.: .*its [ik]q"):
            read_model(path)
