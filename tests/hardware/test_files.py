"""Program files: what is written comes back, and what is damaged is refused."""

import json

import numpy as np
import pytest

from spkeras.errors import DataError, ModelFileError, OptionError
from spkeras.hardware import log_ttfs
from spkeras.hardware.log_ttfs.file import _digest
from spkeras.hardware.log_ttfs.images import hex_words, weight_words, write_images
from tests.processes import python


@pytest.fixture
def path(chain_program, tmp_path):
    log_ttfs.save_program(chain_program, tmp_path / "program.npz")
    return tmp_path / "program.npz"


def contents(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def rewritten(path, **changed):
    """The file with some arrays replaced, and a hash that fits."""
    arrays = {**contents(path), **changed}
    del arrays["sha256"]
    arrays["sha256"] = np.frombuffer(_digest(arrays), np.uint8)
    np.savez(path, **arrays)


def test_a_program_comes_back_whole(chain_program, path, images):
    again = log_ttfs.load_program(path)
    assert again.config == chain_program.config and again.notes == chain_program.notes
    for layer, other in zip(chain_program.layers, again.layers, strict=True):
        assert (layer.name, layer.kind, layer.shape, layer.unit) == (
            other.name,
            other.kind,
            other.shape,
            other.unit,
        )
    np.testing.assert_array_equal(
        log_ttfs.run(again, images).outputs, log_ttfs.run(chain_program, images).outputs
    )


def test_golden_vectors_come_out_of_the_file_alone(path):
    """In a process that sees the file and nothing else, without Keras."""
    said = python(
        "import sys; from spkeras.hardware import log_ttfs;"
        "program = log_ttfs.load_program(sys.argv[1]);"
        "checks = [log_ttfs.check_golden(program, reference=r) for r in (False, True)];"
        "print([c.equal for c in checks], sum(checks[0].values.values()),"
        "      'tensorflow' in sys.modules)",
        path,
    )
    # Two layers of 36 positions, one of 9, four outputs; three samples.
    assert said.split() == ["[True,", "True]", str(3 * (36 * 2 + 36 * 5 + 9 * 6 + 4)), "False"]


def test_a_changed_golden_vector_is_found(chain_program, path):
    golden = chain_program.golden["times/first"].copy()
    golden[1, 2, 3] ^= 1
    rewritten(path, **{"golden/times/first": golden})
    check = log_ttfs.check_golden(log_ttfs.load_program(path))
    assert not check.equal and check.mismatches["times/first"] == 1


def test_every_flipped_byte_is_found(path):
    whole = path.read_bytes()
    refused = 0
    for place in range(0, len(whole), max(len(whole) // 60, 1)):
        broken = bytearray(whole)
        broken[place] ^= 0x40
        path.write_bytes(bytes(broken))
        try:
            same = log_ttfs.load_program(path)
            # Bytes of the container that mean nothing (dates, versions) may change.
            assert log_ttfs.check_golden(same).equal
        except ModelFileError:
            refused += 1
    assert refused > 40


def test_a_changed_array_does_not_fit_the_hash(path):
    """Also in a container that is whole, with checksums of its own that fit."""
    arrays = contents(path)
    arrays["1/0/exponents"] = arrays["1/0/exponents"].copy()
    arrays["1/0/exponents"][0, 0, 0] ^= 1
    np.savez(path, **arrays)
    with pytest.raises(ModelFileError, match="its hash does not fit"):
        log_ttfs.load_program(path)


def header(path, change):
    found = json.loads(contents(path)["header"].tobytes())
    change(found)
    return {"header": np.frombuffer(json.dumps(found).encode(), np.uint8)}


TAMPERED = {
    "another schema": (lambda f: f.update(schema=1), "schema"),
    "an unknown setting": (lambda f: f["config"].update(nonsense=1), "nonsense"),
    "a setting out of range": (lambda f: f["config"].update(table_bits=99), "table_bits"),
    "another table": (lambda f: f["config"].update(table_bits=9), "mantissa table"),
    "another range": (lambda f: f["layers"][1].update(high=5), "range of sums"),
    "a narrower accumulator": (lambda f: f["config"].update(accumulator_bits=14), "may leave"),
    "a loop": (lambda f: f["layers"][1]["branches"][0].update(source="second"), "come before"),
    "another kind": (lambda f: f["layers"][1].update(kind="oracle"), "kind 'oracle'"),
    "no layers": (lambda f: f.update(layers=[]), "must encode"),
    "a shape of nothing": (lambda f: f["layers"][1].update(shape=[0, 6, 5]), "shape"),
    "another output": (lambda f: f.update(outputs={"second": [54]}), "read-outs of"),
    "another port": (lambda f: f["layers"][0].update(port=1), "encoders of the inputs"),
    "groups that do not fit": (
        lambda f: f["layers"][1]["branches"][0].update(groups=2),
        "2 groups",
    ),
    "channels beyond the last": (
        lambda f: f["layers"][1]["branches"][0].update(first=1),
        "groups from 1 on",
    ),
    "words for groups": (
        lambda f: f["layers"][1]["branches"][0].update(groups="many"),
        "groups='many'",
    ),
    "a missing part": (lambda f: f.pop("outputs"), "outputs"),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_headers_that_contradict_the_arrays_are_refused(path, case):
    change, message = TAMPERED[case]
    rewritten(path, **header(path, change))
    with pytest.raises(ModelFileError, match=message):
        log_ttfs.load_program(path)


@pytest.mark.parametrize(
    "name, change, message",
    [
        ("1/0/index", lambda a: a + 9, "addresses"),
        ("1/0/index", lambda a: a - 2, "addresses"),
        ("1/0/exponents", lambda a: a + 20, "exponent"),
        ("1/0/exponents", lambda a: a[:-1], "weight codes of shape"),
        ("1/0/negative", lambda a: a[:-1], "signs"),
        ("1/bias", lambda a: a.astype(float), "bias"),
        ("1/thresholds", lambda a: a[::-1], "fall"),
        ("times", lambda a: a + 1, "spike-time table"),
        ("2/0/cells", lambda a: a + 99, "addresses"),
    ],
)
def test_arrays_out_of_range_are_refused(path, name, change, message):
    rewritten(path, **{name: change(contents(path)[name])})
    with pytest.raises(ModelFileError, match=message):
        log_ttfs.load_program(path)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ModelFileError, match="no such file"):
        log_ttfs.load_program(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("not a zip")
    with pytest.raises(ModelFileError, match="not an .npz"):
        log_ttfs.load_program(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(ModelFileError, match="not a program"):
        log_ttfs.load_program(tmp_path / "other.npz")
    np.savez(tmp_path / "code.npz", x=np.array([print], object), allow_pickle=True)
    with pytest.raises(ModelFileError, match="plain arrays"):
        log_ttfs.load_program(tmp_path / "code.npz")


def test_nothing_is_left_where_a_file_cannot_be_written(chain_program, tmp_path):
    with pytest.raises(ModelFileError, match="end in .npz"):
        log_ttfs.save_program(chain_program, tmp_path / "program.bin")
    with pytest.raises(ModelFileError, match="cannot be written"):
        log_ttfs.save_program(chain_program, tmp_path / "missing" / "program.npz")
    assert not list(tmp_path.iterdir())


def test_memory_images_hold_the_program(chain_program, tmp_path):
    write_images(chain_program, tmp_path / "images")
    folder = tmp_path / "images"

    def words(name):
        return [int(line, 16) for line in (folder / name).read_text().split()]

    assert words("mantissa.hex") == chain_program.mantissa.tolist()
    layer = chain_program.by_name["second"]
    branch = layer.branches[0]
    stored = np.array(words("layer02.0.weights.hex")).reshape(branch.exponents.shape)
    np.testing.assert_array_equal(stored & 15, branch.exponents)
    np.testing.assert_array_equal(stored >> 4 == 1, branch.negative)
    np.testing.assert_array_equal(weight_words(chain_program, branch), stored)
    assert words("layer02.thresholds.hex") == layer.thresholds.tolist()
    bias = np.array(words("layer02.bias.hex"))
    np.testing.assert_array_equal(np.where(bias >= 2**31, bias - 2**32, bias), layer.bias)
    golden = chain_program.golden["times/second"]
    assert words("layer02.golden.hex") == golden.reshape(-1).tolist()
    listing = (folder / "listing.txt").read_text()
    assert "layer02 second: neurons, 3 x 3 x 6" in listing and "T = 10, tau = 4" in listing
    assert (folder / "log_ttfs_pe.v").exists()
    with pytest.raises(OptionError, match="not empty"):
        write_images(chain_program, folder)


def test_negative_words_are_twos_complement():
    assert hex_words([-1, 5, -8], 4) == "f\n5\n8\n"


def test_programs_without_golden_vectors_say_so(chain_program):
    from dataclasses import replace

    with pytest.raises(DataError, match="no golden vectors"):
        log_ttfs.check_golden(replace(chain_program, golden={}))
