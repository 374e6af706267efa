"""Parts of files that are read where they are, not as a whole."""

import io
import os
import zipfile

import keras
import numpy as np
import pytest

from spkeras.errors import ModelFileError
from spkeras.files.parts import Bytes, member_stream
from spkeras.keras_files import read_model


@pytest.mark.parametrize("place", [0, 1, (1 << 20) - 7, (1 << 20) - 1, 1 << 20, (2 << 20) - 3])
def test_words_are_found_across_the_parts_that_are_read(place):
    content = bytearray(3 << 20)
    content[place : place + 8] = b"GCOL\1\0\0\0"
    content[-8:] = b"GCOL\1\0\0\0"
    found = Bytes(io.BytesIO(content))
    assert len(found) == 3 << 20
    assert found.find(b"GCOL\1\0\0\0") == place
    assert found.find(b"GCOL\1\0\0\0", place + 1) == len(content) - 8
    assert found.find(b"nothing") == -1
    assert found[place : place + 4] == b"GCOL"
    assert found[len(content) - 4 : len(content) + 4] == b"\1\0\0\0"
    assert found[len(content) + 1 : len(content) + 4] == b""


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("before", [0, 1000])
def test_a_member_is_a_file_of_its_own(tmp_path, compression, before):
    content = np.random.default_rng(0).bytes(200_000)
    path = tmp_path / "a.zip"
    with path.open("wb") as file:
        file.write(bytes(before))  # an archive may begin anywhere
        with zipfile.ZipFile(file, "w", compression) as archive:
            archive.writestr("first", b"1" * 77)
            archive.writestr("second", content)
            archive.writestr("third", b"3" * 77)
    with zipfile.ZipFile(path) as archive, member_stream(archive, path, "second") as stream:
        assert stream.read() == content and stream.read() == b""
        assert stream.seek(-10, os.SEEK_END) == len(content) - 10
        assert stream.read(100) == content[-10:]
        stream.seek(5)
        stream.seek(7, os.SEEK_CUR)
        assert stream.read(3) == content[12:15]
        assert stream.seek(len(content) + 5) and stream.read(3) == b""
        buffer = bytearray(250_000)
        stream.seek(0)
        assert stream.readinto(buffer) == len(content) and buffer[: len(content)] == content


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "net.keras"
    keras.Sequential([keras.Input((40,)), keras.layers.Dense(30)]).save(found)
    return found


def test_a_weight_that_does_not_match_its_checksum_is_refused(path):
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("model.weights.h5")
        kernel = archive.read(info)
    place = kernel.index(keras.saving.load_model(path).layers[0].kernel.numpy().tobytes()[:64])
    content = bytearray(path.read_bytes())
    begin = content.index(kernel[: 1 << 10])
    content[begin + place + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"net\.keras: is damaged or cut off .*CRC"):
        read_model(path)


def test_keras_does_not_read_the_file_again(path, monkeypatch):
    wanted = keras.saving.load_model(path)
    monkeypatch.setattr(keras.models, "load_model", None)
    model = read_model(path).model
    x = np.ones((2, 40), "float32")
    np.testing.assert_array_equal(model.predict(x, verbose=0), wanted.predict(x, verbose=0))


def test_keras_builds_layers_that_models_share(tmp_path, monkeypatch):
    shared, given = keras.layers.Dense(4), keras.Input((4,))
    parts = [keras.Model(given, shared(given), name="inner"), shared, keras.layers.Dense(2)]
    keras.Sequential([keras.Input((4,)), *parts]).save(tmp_path / "net.keras")
    load, calls = keras.models.load_model, []
    monkeypatch.setattr(
        keras.models, "load_model", lambda *given, **named: calls.append(1) or load(*given, **named)
    )
    read_model(tmp_path / "net.keras")
    assert calls == [1]
