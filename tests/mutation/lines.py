"""Which lines each test runs: a pytest plugin."""

import hashlib
import json
import sys
import threading
import time
from pathlib import Path

import pytest


def digest(text: str) -> str:
    """Tells one version of a file from another."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Lines:
    """Records the lines of some files that each test runs, those of its fixtures included.

    Args:
        files: Names in the record by absolute path.
        target: Where the record is written.
    """

    def __init__(self, files: dict[str, str], target: Path) -> None:
        self.files, self.target = files, target
        self.current: set[tuple[str, int]] = set()
        self.fixtures: dict[tuple[str, str], set[tuple[str, int]]] = {}
        self.tests: dict[str, float] = {}
        self.imported: set[tuple[str, int]] = set()
        self.recorded = 0
        self.seen: dict[str, set[tuple[str, int]]] = {}
        sys.settrace(self.entered)

    def pytest_collection_finish(self, session):
        """What ran while modules were imported had run before a fault could be put into it."""
        sys.settrace(None)

    def entered(self, frame, event, argument):
        name = self.files.get(frame.f_code.co_filename)
        if name is not None:
            self.imported.add((name, frame.f_code.co_firstlineno))

    def trace(self, frame, event, argument):
        name = self.files.get(frame.f_code.co_filename)
        if name is None:
            return None

        def local(frame, event, argument):
            if event == "line":
                self.current.add((name, frame.f_lineno))
            return local

        return local

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        around, self.current = self.current, set()
        yield
        known = self.fixtures.setdefault((fixturedef.argname, fixturedef.baseid), set())
        known |= self.current
        self.current |= around

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item, nextitem):
        self.current = set()
        threading.settrace(self.trace)
        sys.settrace(self.trace)
        start = time.monotonic()
        yield
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        self.tests[item.nodeid] = round(time.monotonic() - start, 3)
        found = self.current
        info = getattr(item, "_fixtureinfo", None)
        for definitions in info.name2fixturedefs.values() if info else ():
            for definition in definitions:
                found |= self.fixtures.get((definition.argname, definition.baseid), set())
        self.seen[item.nodeid] = found
        self.recorded += 1
        if self.recorded % 200 == 0:
            self.save()

    def pytest_sessionfinish(self, session):
        self.save()

    def save(self) -> None:
        """Write the record, with what is known of other tests; it may be read while it grows."""
        digests = {name: digest(Path(path).read_text()) for path, name in self.files.items()}
        known = Record(self.target) if self.target.exists() else None
        if known is not None and known.files == digests:
            for test, found in known.seen().items():
                if test not in self.seen:
                    self.seen[test], self.tests[test] = found, known.tests[test]
            self.imported |= known.imported
        names = {name: index for index, name in enumerate(self.tests)}
        lines: dict[str, dict[int, list[int]]] = {}
        for test, places in self.seen.items():
            for file, line in places:
                lines.setdefault(file, {}).setdefault(line, []).append(names[test])
        record = {
            "tests": self.tests,
            "lines": lines,
            "files": digests,
            "imported": sorted(self.imported),
        }
        self.target.parent.mkdir(parents=True, exist_ok=True)
        waiting = self.target.with_suffix(".tmp")
        waiting.write_text(json.dumps(record))
        waiting.replace(self.target)


class Record:
    """What `Lines` has written, and which tests a mutant is given."""

    def __init__(self, path: Path) -> None:
        stored = json.loads(path.read_text())
        self.tests: dict[str, float] = stored["tests"]
        self.names = list(self.tests)
        self.lines: dict[str, dict[str, list[int]]] = stored["lines"]
        self.files: dict[str, str] = stored["files"]
        self.imported = {(file, line) for file, line in stored["imported"]}

    def seen(self) -> dict[str, set[tuple[str, int]]]:
        """Files and lines that each test runs."""
        found: dict[str, set[tuple[str, int]]] = {name: set() for name in self.names}
        for file, lines in self.lines.items():
            for line, tests in lines.items():
                for test in tests:
                    found[self.names[test]].add((file, int(line)))
        return found

    def of(self, file: str, first: int, last: int, budget: float) -> list[str]:
        """Tests that run a line of a range: those of its own module first, near ones, fast ones.

        Args:
            file: Path from the root of the repository.
            first: First line.
            last: Last line.
            budget: Seconds after which no more tests are taken.
        """
        lines = self.lines.get(file, {})
        met = {
            test for line, tests in lines.items() if first <= int(line) <= last for test in tests
        }
        package, own = file.split("/")[1], f"/test_{Path(file).stem}.py"

        def distance(name: str) -> tuple[bool, bool, float]:
            return own not in name, not name.startswith(f"tests/{package}"), self.tests[name]

        names = sorted((self.names[index] for index in met), key=distance)
        return self._within(names, budget)

    def named(self, file: str) -> list[str]:
        """Tests of the file that has a module's name: they may read a table and run no line."""
        package, module = file.split("/")[1], Path(file).stem
        return [name for name in self.names if name.startswith(f"tests/{package}/test_{module}.py")]

    def _within(self, names: list[str], budget: float) -> list[str]:
        spent, taken = 0.0, []
        for name in names:
            if spent > budget:
                break
            spent += self.tests[name]
            taken.append(name)
        return taken

    def seconds(self, names: list[str]) -> float:
        """How long some tests take."""
        return sum(self.tests[name] for name in names)
