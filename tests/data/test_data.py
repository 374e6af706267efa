"""Data from files, folders and names; shapes and ranges; what is refused."""

import json
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import spkeras
from spkeras.data import Data, fit_inputs, read_data
from spkeras.errors import DataError

MODELS = Path(__file__).parents[2] / "models"
X, Y = np.arange(24.0).reshape(6, 4), np.arange(6)


def save(folder, **arrays):
    np.savez(folder / "d.npz", **arrays)
    return str(folder / "d.npz")


def model(*shapes, layers=(), dtype="float32"):
    """What `fit_inputs` looks at in a Keras model."""
    inputs = [
        SimpleNamespace(shape=(None, *shape), dtype=dtype, name=f"in{i}")
        for i, shape in enumerate(shapes)
    ]
    return SimpleNamespace(inputs=inputs, layers=[type(name, (), {})() for name in layers])


# --- npz --------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["train", "test"])
def test_npz_of_two_parts(tmp_path, part):
    spec = save(tmp_path, x_train=X, y_train=Y, x_test=X[:2] + 1, y_test=Y[:2] + 1)
    data = read_data(spec, part=part)
    x, y = (X, Y) if part == "train" else (X[:2] + 1, Y[:2] + 1)
    np.testing.assert_array_equal(data.x[0], x)
    np.testing.assert_array_equal(data.y, y)
    assert (data.name, data.notes, data.samples) == (spec, (), len(x))


def test_npz_of_one_part(tmp_path):
    assert read_data(save(tmp_path, x=X, y=Y), part="test").notes == ()
    data = read_data(save(tmp_path, x_train=X, y_train=Y), part="test")
    assert "no test part, the train part is used" in data.notes[0]
    np.testing.assert_array_equal(data.y, Y)


def test_npz_of_several_inputs_and_outputs(tmp_path):
    data = read_data(save(tmp_path, x_0=X, x_1=X + 1, y_0=Y, y_1=Y + 1), part="test")
    assert len(data.inputs) == len(data.x) == len(data.y) == 2
    np.testing.assert_array_equal(data.x[1], X + 1)
    assert read_data(save(tmp_path, x=X), part="test").y is None


@pytest.mark.parametrize("classes", [2, 4, 5, 10])
def test_samples_are_drawn_whatever_the_order_of_classes(tmp_path, classes):
    """Stored one after the other or in turns, each class has about its share."""
    rows = np.arange(1000)
    for y in (rows % classes, rows * classes // 1000):
        spec = save(tmp_path, x=np.stack([rows, y], 1), y=y)
        data = read_data(spec, part="test", samples=200)
        np.testing.assert_array_equal(data.x[0][:, 1], data.y)
        assert len(np.unique(data.x[0][:, 0])) == 200
        share = 200 / classes
        assert abs(np.bincount(data.y, minlength=classes) - share).max() < 4 * share**0.5


def test_as_many_samples_as_there_are(tmp_path):
    spec = save(tmp_path, x=X, y=Y)
    assert read_data(spec, part="test", samples=99).y.tolist() == list(range(6))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": X, "y": Y[:5]}, "as many labels"),
        ({"a": X}, "holds a; allowed: x_test"),
        ({"x": X[:0]}, "holds no sample"),
        ({"x": np.array(["a", "b"])}, "allowed: numbers"),
        ({"x": np.float64(3)}, "single numbers"),
        ({"x": np.array([None, {}], dtype=object)}, "cannot be read as .npz"),
        ({"x_0": X, "x_1": X[:2]}, "as many labels and inputs"),
        ({"x": X, "y": np.full(6, np.nan)}, "y holds NaN or infinity in 6 of 6"),
        ({"x": np.where(X == 9, np.inf, X)}, r"in 1 of 6 samples \(first: sample 2\)"),
    ],
)
def test_npz_refused(tmp_path, arrays, message):
    with pytest.raises(DataError, match=message):
        read_data(save(tmp_path, **arrays), part="test", samples=3)


def test_files_that_are_no_npz(tmp_path):
    np.save(tmp_path / "a.npy", X)
    (tmp_path / "a.npy").rename(tmp_path / "array.npz")
    (tmp_path / "text.npz").write_text("x = 1")
    (tmp_path / "empty.npz").touch()
    (tmp_path / "table.mat").write_text("1,2")
    messages = {
        "array.npz": "single array",
        "text.npz": "cannot be read",
        "empty.npz": "cannot be read",
        "table.mat": "cannot read this kind",
        "gone.npz": "no such file",
    }
    for name, message in messages.items():
        with pytest.raises(DataError, match=message):
            read_data(str(tmp_path / name), part="test")


# --- single arrays and tables -----------------------------------------------------------


def test_npy(tmp_path):
    np.save(tmp_path / "x_test.npy", X)
    data = read_data(str(tmp_path / "x_test.npy"), part="test")
    np.testing.assert_array_equal(data.x[0], X)
    assert data.y is None and not isinstance(data.x[0], np.memmap)
    np.save(tmp_path / "y_test.npy", Y)
    data = read_data(str(tmp_path / "x_test.npy"), part="test", samples=3)
    np.testing.assert_array_equal(data.x[0][:, 0] / 4, data.y)
    assert data.samples == 3 and "y_test.npy" in data.notes[0]
    np.save(tmp_path / "y_test.npy", Y[:2])
    with pytest.raises(DataError, match="2 labels for 6 samples"):
        read_data(str(tmp_path / "x_test.npy"), part="test")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("name", ["label", "Class", " y "])
def test_csv(tmp_path, separator, name):
    path = tmp_path / "table.CSV"
    lines = [["a", name, "b"], *([f"{i / 2}", f"{i % 3}", f"-{i}e-1"] for i in range(9)), []]
    path.write_text("\n".join(separator.join(line) for line in lines))
    data = read_data(str(path), part="train")
    assert data.x[0].dtype == np.float32
    np.testing.assert_allclose(data.x[0], [[i / 2, -i / 10] for i in range(9)], rtol=1e-6)
    assert data.y.tolist() == [i % 3 for i in range(9)]
    assert read_data(str(path), part="train", samples=4).samples == 4


def test_csv_without_names(tmp_path):
    (tmp_path / "t.csv").write_text("1,2\n3,4\n")
    data = read_data(str(tmp_path / "t.csv"), part="test")
    assert data.x[0].tolist() == [[1, 2], [3, 4]] and data.y is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no line"),
        ("a,b\n", "holds no sample"),
        ("a,b\n1,2\n3\n", "line 3 has 1 columns, the first one 2"),
        ("1,2\n3,x\n", "line 2 holds 'x'"),
        ("a,label,y\n1,2,3\n", "2 columns are named as labels"),
        ("a,b\n1,nan\n", "NaN or infinity in 1 of 1"),
    ],
)
def test_csv_refused(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_data(str(tmp_path / "t.csv"), part="test")


@pytest.mark.parametrize("name", ["a.npy", "a.csv"])
def test_single_files_that_are_not_there_or_broken(tmp_path, name):
    with pytest.raises(DataError, match="no such file"):
        read_data(str(tmp_path / name), part="test")
    (tmp_path / name).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read as"):
        read_data(str(tmp_path / name), part="test")


# --- names ------------------------------------------------------------------------------


def test_digits_are_split_as_in_training():
    load_digits = pytest.importorskip("sklearn.datasets").load_digits

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    train, test = read_data("digits", part="train"), read_data("digits", part="test")
    assert (train.samples, test.samples, test.x[0].shape) == (1297, 500, (500, 8, 8))
    np.testing.assert_array_equal(train.y, y[order][:1297])
    np.testing.assert_array_equal(test.x[0].reshape(500, 64), (x[order][1297:] / 16))
    assert train.x[0].dtype == np.float32 and train.x[0].max() == 1


def test_demo_has_the_cnn_of_the_manifest_and_the_samples_that_it_never_saw():
    cnn, (x, y), (x_test, y_test) = spkeras.demo()
    assert (x.shape, x_test.shape, y.shape) == ((1297, 8, 8, 1), (500, 8, 8, 1), (1297,))
    manifest = json.loads((MODELS / "manifest.json").read_text())["digits_cnn"]
    right = cnn.predict(x_test, verbose=0).argmax(1) == y_test
    assert right.mean() == pytest.approx(manifest["test_accuracy"])
    shipped = files("spkeras.facade") / "digits_cnn.keras"
    assert shipped.read_bytes() == (MODELS / "digits_cnn.keras").read_bytes()


def test_keras_set(monkeypatch):
    import keras

    parts = ((X, Y), (X[:2], Y[:2]))
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: parts)
    assert read_data("mnist", part="train").samples == 6
    assert read_data("mnist", part="test").samples == 2


def test_keras_set_offline(monkeypatch):
    import keras

    def load_data():
        raise Exception("URL fetch failure")  # as Keras does

    monkeypatch.setattr(keras.datasets.mnist, "load_data", load_data)
    with pytest.raises(DataError, match="could not fetch.*URL fetch failure.*Give an .npz"):
        read_data("mnist", part="test")


def test_unknown_name():
    with pytest.raises(DataError, match="Did you mean 'cifar10'.*digits.*keras.datasets"):
        read_data("cifar1O", part="test")


# --- folders ----------------------------------------------------------------------------


@pytest.fixture
def images(tmp_path):
    """Four grey levels in two class folders: cat 10, 20; dog 30, 40."""
    from PIL import Image

    for index, name in enumerate(("cat/a.png", "cat/deep/b.png", "dog/a.PNG", "dog/b.png")):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 2), (10 * (index + 1),) * 3).save(path)
    (tmp_path / "set" / "dog" / "notes.txt").write_text("no image")
    return tmp_path / "set"


def test_folder_of_class_folders(images):
    data = read_data(str(images), part="test", image_size=(2, 4, 3))
    assert data.x[0].shape == (4, 2, 4, 3)
    assert data.x[0][:, 0, 0, 0].tolist() == [10, 20, 30, 40]
    assert data.y.tolist() == [0, 0, 1, 1]
    grey = read_data(str(images), part="test", image_size=(3, 5, 1), samples=2)
    assert grey.x[0].shape == (2, 3, 5, 1)
    levels = grey.x[0][:, 0, 0, 0]
    np.testing.assert_allclose(grey.y, levels > 20)
    assert len(np.unique(levels)) == 2


def test_folder_for_a_model_with_its_channels_first(images):
    last = read_data(str(images), part="test", image_size=(5, 7, 3), mean=(1, 2, 3))
    first = read_data(str(images), part="test", image_size=(3, 5, 7), mean=(1, 2, 3))
    assert first.x[0].shape == (4, 3, 5, 7)
    np.testing.assert_array_equal(first.x[0].transpose(0, 2, 3, 1), last.x[0])
    assert read_data(str(images), part="test", image_size=(1, 5, 7)).x[0].shape == (4, 1, 5, 7)
    # Three rows or three channels: the last axis decides.
    both = read_data(str(images), part="test", image_size=(3, 5, 3)).x[0]
    assert both.shape == (4, 3, 5, 3)


def test_keras_set_for_a_model_with_its_channels_first(monkeypatch):
    import keras

    x = np.arange(2 * 8 * 6 * 3).reshape(2, 8, 6, 3)
    monkeypatch.setattr(keras.datasets.cifar10, "load_data", lambda: ((x, Y[:2]), (x, Y[:2])))
    found = read_data("cifar10", part="test", image_size=(3, 8, 6)).x[0]
    np.testing.assert_array_equal(found, x.transpose(0, 3, 1, 2))
    assert read_data("cifar10", part="test", image_size=(3, 6, 8)).x[0].shape == x.shape


def test_folder_of_parts(images, tmp_path):
    (tmp_path / "both").mkdir()
    images.rename(tmp_path / "both" / "train")
    data = read_data(str(tmp_path / "both"), part="test", image_size=(2, 4))
    assert data.samples == 4 and "no test part" in data.notes[0]
    assert not read_data(str(tmp_path / "both"), part="train", image_size=(2, 4)).notes


def test_resizing_is_that_of_keras(tmp_path):
    import keras
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    (tmp_path / "a").mkdir()
    Image.fromarray(pixels).save(tmp_path / "a" / "a.png")
    found = read_data(str(tmp_path), part="test", image_size=(4, 5)).x[0]
    batches = keras.utils.image_dataset_from_directory(
        tmp_path, image_size=(4, 5), shuffle=False, verbose=False
    )
    np.testing.assert_allclose(found, np.asarray(next(iter(batches))[0]), atol=1e-3)


def test_folders_refused(images, tmp_path):
    with pytest.raises(DataError, match="image_size=None"):
        read_data(str(images), part="test")
    with pytest.raises(DataError, match="takes 2"):
        read_data(str(images), part="test", image_size=(2, 4, 2))
    (images / "cat" / "a.png").write_text("no image")
    with pytest.raises(DataError, match="a.png: cannot be read as an image"):
        read_data(str(images), part="test", image_size=(2, 4))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no images in class folders"):
        read_data(str(tmp_path / "empty"), part="test", image_size=(2, 4))


# --- ranges -----------------------------------------------------------------------------


def test_scale_mean_and_std(tmp_path):
    spec = save(tmp_path, x=X.astype(np.uint8))
    mean, std = [0.5, 1, 2, 3], [2, 2, 4, 4]
    data = read_data(spec, part="test", scale=2, mean=mean, std=std)
    np.testing.assert_allclose(data.x[0], (X / 2 - mean) / std)
    np.testing.assert_allclose(read_data(spec, part="test", mean=[3]).x[0], X - 3)
    assert read_data(spec, part="test").x[0].dtype == np.uint8


@pytest.mark.parametrize(
    "options", [{"scale": 0}, {"mean": [1, 2]}, {"std": [1, 1, 0, 1]}, {"mean": [np.nan]}]
)
def test_ranges_refused(tmp_path, options):
    with pytest.raises(DataError, match=next(iter(options))):
        read_data(save(tmp_path, x=X), part="test", **options)


# --- fitting ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("have", "want"),
    [
        ((28, 28), (28, 28, 1)),
        ((28, 28), (1, 28, 28)),
        ((28, 28, 1), (28, 28)),
        ((28, 28), (None, None, 1)),
        ((4, 3, 2), (24,)),
        ((5,), (5,)),
    ],
)
def test_shapes_that_fit(have, want):
    x = np.random.default_rng(0).random((3, *have))
    (found,) = fit_inputs(Data((x,), None, "d"), model(want)).x
    sizes = have if want == (None, None, 1) else want
    assert found.shape[:3] == (3, *sizes)[:3] and found.size == x.size
    np.testing.assert_array_equal(found.ravel(), x.ravel().astype("float32"))
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("have", "want", "hint"),
    [
        ((3, 8, 8), (8, 8, 3), r"channels first: x.transpose\(0, 2, 3, 1\)"),
        ((8, 8, 3), (3, 8, 8), r"channels first: x.transpose\(0, 3, 1, 2\)"),
        ((3072,), (32, 32, 3), "give samples of that shape"),
        ((8, 9), (9, 8, 1), r"\(8, 9\).*'in0' takes \(9, 8, 1\)"),
    ],
)
def test_shapes_that_do_not(have, want, hint):
    with pytest.raises(DataError, match=hint):
        fit_inputs(Data((np.zeros((2, *have)),), None, "d"), model(want))


def test_frames_in_time_of_a_converted_network():
    frames = np.zeros((2, 5, 28, 28), np.uint8)
    (found,) = fit_inputs(Data((frames,), None, "d"), model((28, 28), layers=["SpikeLoop"])).x
    assert found.shape == frames.shape and found.dtype == np.float32
    with pytest.raises(DataError, match="give samples of that shape"):
        fit_inputs(Data((frames,), None, "d"), model((28, 28), layers=["Conv2D"]))


def test_number_of_inputs():
    with pytest.raises(DataError, match="received 1 input, the model has 2 inputs"):
        fit_inputs(Data((X,), None, "d"), model((4,), (4,)))


def test_raw_pixels_are_noted_where_nothing_scales_them():
    pixels = Data((np.full((2, 4), 200, np.uint8),), None, "d")
    (note,) = fit_inputs(pixels, model((4,), layers=["InputLayer", "Conv2D"])).notes
    assert "up to 200" in note and "--scale 255" in note
    for layer in ("Rescaling", "SpikeLoop"):
        assert not fit_inputs(pixels, model((4,), layers=["InputLayer", layer])).notes
    small = Data((np.ones((2, 4), np.uint8),), None, "d")
    assert not fit_inputs(small, model((4,), layers=["Conv2D"])).notes
