"""Mutation run: which small faults in the numbers does a test notice?

python -m tests.mutation.run --lines       # once: which test runs which line
python -m tests.mutation.run               # all mutants; goes on where it was stopped
python -m tests.mutation.run --sample 200  # so many of each package, by a fixed seed
python -m tests.mutation.run --report
"""

import argparse
import os
import random
import sys
from collections import Counter
from pathlib import Path

from tests.mutation.children import KILLED, TIMEOUT
from tests.mutation.operators import Mutant, mutants_of
from tests.mutation.report import Results, equivalents, package, show

ROOT = Path(__file__).resolve().parents[2]
HARDWARE = (
    "arithmetic",
    "compile",
    "datapath",
    "energy",
    "engine",
    "operations",
    "program",
    "ranges",
    "reference",
    "run",
)
PACKAGES = ("ops", "passes", "graph", "metrics")
# Tests that run anything of these packages; none of them computes tensors while it is imported,
# since no process may be forked from TensorFlow once that has started.
TESTS = (
    "tests/ops",
    "tests/passes",
    "tests/graph",
    "tests/metrics",
    "tests/hardware",
    "tests/ttfs",
    "tests/layers",
    "tests/snn",
    "tests/events",
    "tests/calibration/test_statistics.py",
    "tests/facade/test_evaluate.py",
    "tests/simulation/test_run.py",
    "tests/facade/test_verify.py",
    "tests/facade/test_finite.py",
    "tests/facade/test_plausible.py",
    "tests/facade/test_reference.py",
    "tests/facade/test_first_step.py",
    "tests/facade/test_published.py",
    "tests/training/test_exactness.py",
    "tests/training/test_quantizing.py",
    "tests/training/test_gradients.py",
    "tests/frontend/test_walk.py",
    "spkeras",
)


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", action="store_true", help="record which test runs which line")
    parser.add_argument("--tests", action="append", help="for --lines: only these, then merged")
    parser.add_argument("--report", action="store_true", help="print rates and survivors")
    parser.add_argument("--package", action="append", help="only this one; may be repeated")
    parser.add_argument("--file", action="append", help="only mutants of this file")
    parser.add_argument("--sample", type=int, help="mutants of each package (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default: 0)")
    parser.add_argument(
        "--survivors",
        action="store_true",
        help="run those again that survived, but for those with a reason",
    )
    parser.add_argument(
        "--inside", action="store_true", help="only what needs no import of its own: fast"
    )
    parser.add_argument("--budget", type=float, default=30.0, help="seconds of tests a mutant")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time (default: 1)")
    parser.add_argument("--folder", type=Path, default=ROOT / ".mutation", help="of the results")
    options = parser.parse_args()
    os.chdir(ROOT)
    results, mutants = Results(options.folder / "results.json"), chosen(options)
    if options.report:
        every = chosen(argparse.Namespace(**{**vars(options), "sample": None}))
        return show(results, mutants, Counter(package(mutant.file) for mutant in every))
    prepare()
    from tests.mutation import sessions

    if options.lines:
        return sessions.record_lines(sources(), options.folder, options.tests or TESTS)
    listed = equivalents()
    waiting = [
        m
        for m in mutants
        if results.status(m) is None
        or (
            options.survivors and m.key not in listed and results.status(m) not in (KILLED, TIMEOUT)
        )
    ]
    return sessions.run(waiting, results, options, TESTS)


def prepare() -> None:
    """One thread in everything that computes: what is forked must not have lost any."""
    for name in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    ):
        os.environ[name] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["CUDA_VISIBLE_DEVICES"] = ""


def sources() -> list[str]:
    """The files that are mutated, as paths from the root."""
    files = [path for name in PACKAGES for path in sorted(Path("spkeras", name).glob("*.py"))]
    files += [Path("spkeras/hardware/log_ttfs", f"{name}.py") for name in HARDWARE]
    return [str(path) for path in files]


def chosen(options: argparse.Namespace) -> list[Mutant]:
    """Mutants of the files asked for; of each package a sample where that is asked for."""
    found: dict[str, list[Mutant]] = {}
    for file in options.file or sources():
        if not options.package or package(file) in options.package:
            mutants = mutants_of(Path(file).read_text(), file)
            found.setdefault(package(file), []).extend(mutants)
    if options.sample is None:
        return [mutant for mutants in found.values() for mutant in mutants]
    picked = []
    for name, mutants in found.items():
        numbers = random.Random(f"{options.seed} {name}").sample(
            range(len(mutants)), min(options.sample, len(mutants))
        )
        picked += [mutants[number] for number in sorted(numbers)]
    return picked


if __name__ == "__main__":
    sys.exit(main())
