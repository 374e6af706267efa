"""The driver of the mutation run itself: it kills what is wrong and lets live what is not."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from tests.mutation import children, report
from tests.mutation.lines import Record
from tests.mutation.operators import mutants_of

SOURCE = '''"""A module."""
LIMIT = 3


class Box:
    """A box."""

    size: int = 2

    def clipped(self, x: int) -> int:
        """At most 3 of at least 0."""
        if x < 0:
            raise ValueError(f"{x - 1}: below 0")
        return min(x, LIMIT)


def larger(a, b):
    return a if a > b else b
'''


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "boxes.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("boxes", path)
    found = importlib.util.module_from_spec(spec)
    sys.modules["boxes"] = found
    spec.loader.exec_module(found)
    yield found
    del sys.modules["boxes"]


def test_the_faults_of_a_source_by_hand():
    found = [(m.function, m.before, m.after) for m in mutants_of(SOURCE, "boxes.py")]
    choice = "return a if a > b else b"
    assert found == [
        ("", "LIMIT = 3", "LIMIT = 4"),
        ("Box.", "size: int = 2", "size: int = 3"),
        ("Box.clipped", "if x < 0", "if not x < 0"),
        ("Box.clipped", "x < 0", "x <= 0"),
        ("Box.clipped", "x < 0", "x < 1"),
        ("Box.clipped", "return min(x, LIMIT)", "return None"),
        ("Box.clipped", "return min(x, LIMIT)", "return max(x, LIMIT)"),
        ("larger", choice, "return None"),
        ("larger", choice, "return a if not a > b else b"),
        ("larger", choice, "return a if a >= b else b"),
    ]


@pytest.mark.parametrize(
    "source, faults",
    [
        ("def f(a, b):\n    return a // b", {"return None", "return a * b"}),
        ("def f(a):\n    return a[1:]", {"return None", "return a[:]", "return a[2:]"}),
        ("def f(a):\n    return not a", {"return None", "return a"}),
        ("def f(a):\n    a.sort()", {"pass"}),
        ("def f(a):\n    a += 0.5", {"a -= 0.5", "a += 1.0"}),
        ("def f(a):\n    return ops.floor(a)", {"return None", "return ops.ceil(a)"}),
        ("def f(a):\n    a = a.reshape(-1)", {"a = a.reshape(1)"}),
        ("def f(a, b):\n    return a and b", {"return None", "return a or b"}),
        ("@wraps(limit=3)\ndef f(a: 'x') -> 2:\n    assert a > 1\n    raise Error(a + 1)", set()),
        ("__all__ = ['a' * 2]\nwarn(1 + 2)\nx = 'text' + 'more'", set()),
    ],
)
def test_each_kind_of_fault(source, faults):
    assert {mutant.after for mutant in mutants_of(source, "f.py")} == faults


def outcome(module, mutant, check):
    """What becomes of a mutant in a process of its own."""
    functions = children.living_functions({module.__file__: "boxes.py"})
    place = mutant.function, mutant.first_line

    def body():
        children.put_into(functions["boxes.py", *place], mutant)
        return None if check() else "check"

    return children.wait([children.start(mutant, 5, body)])[1:]


def test_a_wrong_result_kills_and_an_equal_one_does_not(module):
    larger = module.larger  # an older reference meets the fault, too

    def check():
        return all(larger(a, b) == max(a, b) for a in range(3) for b in range(3))

    found = [
        outcome(module, mutant, check)
        for mutant in mutants_of(SOURCE, "boxes.py")
        if mutant.function == "larger"
    ]
    # At equality both branches give the same number: the last mutant is equivalent.
    assert found == [("killed", "check"), ("killed", "check"), ("survived", "")]
    assert larger(1, 2) == 2


def test_a_mutant_that_does_not_end_is_stopped(module, monkeypatch):
    monkeypatch.setattr(children, "PATIENCE", 100)  # The machine may be busy.
    mutant, *_ = (m for m in mutants_of(SOURCE, "boxes.py") if m.function == "larger")

    def body():
        while True:
            pass

    assert children.wait([children.start(mutant, 1, body)])[1] == "timeout"


def test_a_fault_outside_of_functions_is_imported(module, monkeypatch):
    loader = children.importlib.machinery.SourceFileLoader
    monkeypatch.setattr(loader, "get_code", loader.get_code)
    mutant = mutants_of(SOURCE, "boxes.py")[0]
    children.put_into_import(str(Path(module.__file__).resolve()), mutant)
    importlib.util.find_spec("json")
    module.__spec__.loader.exec_module(module)
    assert module.LIMIT == 4 and module.Box().clipped(9) == 4


def test_listed_mutants_exist_and_have_a_reason():
    """An entry whose line has changed must be looked at again."""
    listed = report.equivalents()
    files = {key.split()[0] for key in listed}
    root = Path(__file__).resolve().parents[2]
    keys = {mutant.key for file in files for mutant in mutants_of((root / file).read_text(), file)}
    assert not [key for key in listed if key not in keys]
    assert all(len(reason) > 15 for reason in listed.values())


def test_results_are_kept_and_rates_have_an_interval(tmp_path):
    results = report.Results(tmp_path / "a" / "results.json")
    first, second, *_ = mutants_of(SOURCE, "spkeras/boxes/boxes.py")
    results.add(first, report.KILLED, "test")
    results.add(second, "survived", "")
    results.save()
    again = report.Results(tmp_path / "a" / "results.json")
    assert [again.status(m) for m in (first, second)] == ["killed", "survived"]
    low, high = report.interval(90, 100, 1000)
    assert 0.83 < low < 0.85 < 0.94 < high < 0.95
    assert report.interval(90, 100, 100) == (0.9, 0.9)


def test_tests_of_a_module_without_functions_are_found_by_name(tmp_path):
    known = {"tests/boxes/test_boxes.py::test_a": 1.0, "tests/boxes/test_box.py::test_b": 1.0}
    record = {"tests": known, "lines": {}, "files": {}, "imported": []}
    (tmp_path / "lines.json").write_text(json.dumps(record))
    found = Record(tmp_path / "lines.json")
    assert found.named("spkeras/boxes/boxes.py") == ["tests/boxes/test_boxes.py::test_a"]
    assert found.of("spkeras/boxes/boxes.py", 0, 1 << 30, 30.0) == []
