"""Programs whose hash fits but whose parts do not: refused on loading, by name."""

import hashlib
import json

import numpy as np
import pytest

from spkeras.errors import ModelFileError
from spkeras.hardware import log_ttfs


@pytest.fixture(scope="module")
def stored(chain_program, tmp_path_factory):
    path = tmp_path_factory.mktemp("forged") / "program.npz"
    log_ttfs.save_program(chain_program, path)
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def forge(path, stored, edit=None, **arrays):
    """Writes the program with other parts and the hash that fits them."""
    parts = {name: array for name, array in stored.items() if name != "sha256"} | arrays
    if edit is not None:
        record = json.loads(stored["header"].tobytes())
        edit(record)
        parts["header"] = np.frombuffer(json.dumps(record).encode(), np.uint8)
    digest = hashlib.sha256()
    for name in sorted(parts):
        array = np.ascontiguousarray(parts[name])
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode() + array.tobytes())
    np.savez(path, sha256=np.frombuffer(digest.digest(), np.uint8), **parts)
    return path


def put(place, key, value):
    """A change of one value of the header; `place` leads to its record."""

    def change(record):
        for step in place:
            record = record[step]
        record[key] = value

    return change


def test_the_forger_is_right(tmp_path, stored, chain_program):
    loaded = log_ttfs.load_program(forge(tmp_path / "p.npz", stored))
    assert loaded.layers[-1].low == chain_program.layers[-1].low


LAST, FIRST = ("layers", -1), ("layers", 0)


@pytest.mark.parametrize(
    ("place", "key", "value", "words"),
    [
        (FIRST, "low", "x", "low='x'; allowed: int"),
        (FIRST, "high", {}, "high={}; allowed: int"),
        (FIRST, "low", 0.5, "low=0.5; allowed: int"),
        (FIRST, "unit", 0, "unit 0"),
        (FIRST, "unit", -1.0, "unit -1.0"),
        (LAST, "unit", 0.0, "unit 0.0"),
        (LAST, "unit", float("nan"), "unit nan"),
        (LAST, "unit", "1", "unit='1'; allowed: float"),
        (LAST, "depth", True, "depth=True; allowed: int"),
        (LAST, "depth", -1, "depth -1"),
        (LAST, "name", 3, "name=3; allowed: str"),
        (LAST, "port", -1, "port -1"),
        ((*LAST, "branches", 0), "weighted", 1, "weighted=1; allowed: bool"),
        ((*LAST, "branches", 0), "full_scale", None, "full_scale=None; allowed: int"),
        ((*LAST, "branches", 0), "source", [], "source=.*; allowed: str"),
        ((), "layers", {}, "contradicts itself|lacks"),
        ((), "outputs", [], "contradicts itself"),
        ((), "golden", ["nothing"], "lacks 'golden/nothing'"),
        (("config",), "timesteps", 10**15, "contradicts itself"),
    ],
)
def test_headers(tmp_path, stored, place, key, value, words):
    path = forge(tmp_path / "p.npz", stored, put(place, key, value))
    with pytest.raises(ModelFileError, match=words):
        log_ttfs.load_program(path)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("golden/input/0", lambda a: a[..., :1], "golden input 0: shape"),
        ("golden/input/0", lambda a: a.astype(float), "'input/0': holds float64"),
        ("golden/input/0", lambda a: a - 1000, "golden input 0: values"),
        ("golden/input/0", lambda a: a[:0], "golden input 0: shape"),
        ("times", lambda a: a[:-1], "spike-time table: shape"),
    ],
)
def test_arrays(tmp_path, stored, name, change, words):
    path = forge(tmp_path / "p.npz", stored, **{name: change(stored[name])})
    with pytest.raises(ModelFileError, match=words):
        log_ttfs.load_program(path)


def test_results_of_another_shape_differ(tmp_path, stored):
    name = next(name for name in stored if name.startswith("golden/times/"))
    path = forge(tmp_path / "p.npz", stored, **{name: stored[name][..., None]})
    check = log_ttfs.check_golden(log_ttfs.load_program(path))
    assert not check.equal
    assert check.mismatches[name.removeprefix("golden/")] == stored[name].size


def test_headers_nested_beyond_all_limits(tmp_path, stored):
    text = np.frombuffer(b"[" * 100_000, np.uint8)
    with pytest.raises(ModelFileError, match="unreadable header"):
        log_ttfs.load_program(forge(tmp_path / "p.npz", stored, **{"header": text}))
