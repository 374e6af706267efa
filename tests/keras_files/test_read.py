"""Real saved models of every Keras load and give the outputs of their makers."""

import os

import numpy as np
import pytest

from spkeras.errors import UnsupportedLayerError
from spkeras.keras_files import read_model
from tests.keras_files.handmade import folder, predict

FOREIGN = folder("foreign_models")
LEGACY = folder("legacy_models")
needs_foreign = pytest.mark.skipif(
    FOREIGN is None, reason="no foreign_models beside SPKERAS_DATA (tests/README.md)"
)
needs_legacy = pytest.mark.skipif(
    LEGACY is None, reason="no legacy_models beside SPKERAS_DATA (tests/README.md)"
)

FOREIGN_NAMES = [
    "dl4j_cnn_tf_keras1.h5",
    "dl4j_wgan_disc.h5",
    "marabou_cnn_max_mnist2.h5",
    "mlperftiny_resnet8_cifar10.h5",
    "mlperftiny_str_ww.h5",
    "mlperftiny_vww96_mobilenet.h5",
    "moonflower_mnist_keras.keras",
    "naokishibuya_steering_keras1.h5",
    "oarriaga_fer2013_miniXception.hdf5",
    "pplonski_keras1_mnist_weights.h5",
    "sairajgupta_cifar10.keras",
    "stm32_yamnet256_nested.h5",
]
OPTIONS = {"naokishibuya_steering_keras1.h5": {"replace": {"lambda_1": "rescaling:127.5,-1"}}}
# The only files refused, each by the name of the layer and its class.
REFUSED = {"lambda": "'lambda' (Lambda)"}
WRITERS = {"k224": 17, "tf210": 142, "tf215": 142, "tfk219": 142}


@pytest.mark.slow
@needs_foreign
@pytest.mark.parametrize("name", FOREIGN_NAMES)
def test_foreign_file_gives_reference_outputs(name):
    reference = np.load(FOREIGN / (os.path.splitext(name)[0] + ".ref.npz"))
    options = dict(OPTIONS.get(name, {}))
    if name.startswith("pplonski"):
        options["architecture"] = FOREIGN / "pplonski_keras1_mnist_weights.arch.json"
    loaded = read_model(FOREIGN / name, **options)
    np.testing.assert_allclose(predict(loaded, reference["x"]), reference["y"], atol=1e-4)


@needs_foreign
def test_foreign_lambda_is_refused_without_replacement():
    with pytest.raises(UnsupportedLayerError) as caught:
        read_model(FOREIGN / "naokishibuya_steering_keras1.h5")
    assert "'lambda_1' (Lambda)" in str(caught.value)
    assert "rescaling:127.5,-1" in str(caught.value)
    assert len(caught.value.problems) == 1


@pytest.mark.slow
@needs_legacy
@pytest.mark.parametrize("writer", WRITERS)
def test_legacy_files_give_stored_outputs(writer):
    files = sorted(path for path in (LEGACY / writer).iterdir() if path.suffix != ".npz")
    assert len(files) == WRITERS[writer]
    reference = np.load(LEGACY / writer / "ref.npz")
    wrong = []
    for path in files:
        found = _difference(path, reference)
        if found is not None:
            wrong.append(f"{path.name}: {found}")
    assert not wrong, "\n".join(wrong)


def _difference(path, reference):
    """Returns what is wrong with one file, or None."""
    if path.stem in REFUSED:
        with pytest.raises(UnsupportedLayerError) as caught:
            read_model(path)
        return None if REFUSED[path.stem] in str(caught.value) else str(caught.value)
    x = [reference["x"]] * 2 if path.stem == "multi_io" else reference["x"]
    outputs = read_model(path).model(x, training=False)
    outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
    keys = [path.stem] if path.stem in reference.files else []
    keys += sorted(key for key in reference.files if key.startswith(path.stem + "__"))
    if len(keys) != len(outputs) or not keys:
        return f"{len(outputs)} outputs, {len(keys)} references"
    for key, output in zip(keys, outputs, strict=True):
        if np.shape(output) != reference[key].shape:
            return f"shape {np.shape(output)} instead of {reference[key].shape}"
        error = float(np.max(np.abs(np.asarray(output) - reference[key])))
        if not error < 1e-4:
            return f"differs by {error:.2e}"
    return None
