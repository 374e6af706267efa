"""Test sessions in which mutants run."""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numba
import pytest
import tensorflow
from hypothesis import Phase, settings
from tensorflow.python.eager import context

from tests.mutation.children import (
    Child,
    living_functions,
    put_into,
    put_into_import,
    start,
    wait,
)
from tests.mutation.lines import Lines, Record, digest
from tests.mutation.operators import Mutant
from tests.mutation.report import UNCOVERED, Results

ARGUMENTS = ["-p", "no:cacheprovider", "-W", "ignore", "--durations=0", "-x"]
LOADED = keras, numba, tensorflow  # what every child finds loaded
# What numba compiles lies on disk, and belongs to the code without the fault.
COMPILED = ("spkeras/ops/histogram.py",)


def record_lines(files: Sequence[str], folder: Path, tests: Sequence[str]) -> int:
    """Run the tests once and record which line each of them runs."""
    paths = {str(Path(file).resolve()): file for file in files}
    plugin = Lines(paths, folder / "lines.json")
    return int(pytest.main([*ARGUMENTS[:-1], *tests], plugins=[plugin, Plain()]))


def run(
    mutants: list[Mutant], results: Results, options: argparse.Namespace, tests: Sequence[str]
) -> int:
    """Run mutants and store what became of them; those outside of functions first."""
    record = Record(options.folder / "lines.json")
    for file in {mutant.file for mutant in mutants}:
        if record.files.get(file) != digest(Path(file).read_text()):
            raise SystemExit(f"{file} has changed since its lines were recorded: run --lines")
    loop = Loop(results, record, options)
    imported = [m for m in mutants if runs_at_import(m, record)]
    inside = [m for m in mutants if not runs_at_import(m, record)]
    # Children of the first kind import the fault: nothing of the package may be loaded before.
    if not options.inside:
        loop.through(imported, loop.imported)
    if inside:
        pytest.main([*ARGUMENTS, "-s", "-q", *tests], plugins=[Session(loop, inside), Plain()])
    results.save()
    return 0


def runs_at_import(mutant: Mutant, record: Record) -> bool:
    """Whether code has run before a living function could be changed."""
    return not mutant.first_line or (mutant.file, mutant.first_line) in record.imported


class Plain:
    """Property tests without shrinking and explaining: one counterexample kills."""

    def pytest_collection(self, session: pytest.Session) -> None:
        phases = (Phase.explicit, Phase.generate)
        profile = settings.get_profile("spkeras")
        settings.register_profile("mutation", profile, phases=phases, database=None)
        settings.load_profile("mutation")


class Loop:
    """Starts children and collects results."""

    def __init__(self, results: Results, record: Record, options: argparse.Namespace) -> None:
        self.results, self.record, self.options = results, record, options
        self.kills: dict[tuple[str, str], Counter[str]] = {}

    def through(
        self, mutants: Sequence[Mutant], body: Callable[[Mutant, list[str]], str | None]
    ) -> None:
        """Run mutants, so many at a time."""
        children: list[Child] = []
        for mutant, names in self.tested(mutants):
            limit = 10 + 2 * self.record.seconds(names)

            def own(mutant: Mutant = mutant, names: list[str] = names) -> str | None:
                return body(mutant, names)

            children.append(start(mutant, limit, own))
            while len(children) >= self.options.jobs:
                self.collected(children)
        while children:
            self.collected(children)

    def tested(self, mutants: Sequence[Mutant]) -> Iterator[tuple[Mutant, list[str]]]:
        """Mutants with their tests: first those that killed others of the same function."""
        for mutant in mutants:
            whole = runs_at_import(mutant, self.record)
            lines = (0, 1 << 30) if whole else mutant.lines
            names = self.record.of(mutant.file, *lines, self.options.budget)
            if whole:
                own = self.record.named(mutant.file)
                names = [*own, *(name for name in names if name not in own)]
            if not names:
                self.results.add(mutant, UNCOVERED, "")
                continue
            kills = self.kills.get((mutant.file, mutant.function), Counter())
            yield mutant, sorted(names, key=lambda name: -kills[name])

    def collected(self, children: list[Child]) -> None:
        """Wait for one child."""
        child, status, test = wait(children)
        mutant = child.mutant
        self.kills.setdefault((mutant.file, mutant.function), Counter())[test] += 1
        self.results.add(mutant, status, test)
        print(f"{status:<9} {mutant.file} {mutant.function}: {mutant.after[:80]}", flush=True)

    def imported(self, mutant: Mutant, names: list[str]) -> str | None:
        """Body of a child that imports the fault."""
        put_into_import(str(Path(mutant.file).resolve()), mutant)
        code = pytest.main([*ARGUMENTS, "-q", *names], plugins=[Plain()])
        return None if code == 0 else f"exit {int(code)}"


class Session:
    """A pytest plugin: mutants instead of tests, once the latter are collected."""

    def __init__(self, loop: Loop, mutants: list[Mutant]) -> None:
        self.loop, self.mutants = loop, mutants

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        started = context._context is not None and context._context._initialized
        if started:
            raise SystemExit("a test computes tensors while it is imported: no process may fork")
        items = {item.nodeid: item for item in session.items}
        paths = {str(Path(m.file).resolve()): m.file for m in self.mutants}
        functions = living_functions(paths)

        def body(mutant: Mutant, names: list[str]) -> str | None:
            place = mutant.file, mutant.function, mutant.first_line
            if place not in functions:
                raise LookupError(mutant.key)
            put_into(functions[place], mutant)
            if mutant.file in COMPILED:
                numba.config.CACHE_DIR = tempfile.mkdtemp(prefix="mutant-")
            return first_failure([items[name] for name in names if name in items])

        missing = [m for m in self.mutants if (m.file, m.function, m.first_line) not in functions]
        for mutant in missing:
            print(f"no living function: {mutant.file} {mutant.function}")
        begin = time.monotonic()
        self.loop.through([m for m in self.mutants if m not in missing], body)
        print(f"{time.monotonic() - begin:.0f} s")
        return True


def first_failure(items: Sequence[pytest.Item]) -> str | None:
    """Run tests until one fails; its name, None where all pass."""
    from _pytest.runner import runtestprotocol

    for index, item in enumerate(items):
        following = items[index + 1] if index + 1 < len(items) else None
        if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
            return item.nodeid
    return None
