"""Results of a mutation run: stored, counted, printed."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.mutation.children import KILLED, TIMEOUT
from tests.mutation.operators import Mutant

UNCOVERED = "uncovered"
EQUIVALENT = Path(__file__).parent / "equivalent.txt"


class Results:
    """Status of each mutant and the test that failed, in a file that grows while it runs.

    Args:
        path: Of the JSON file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, list[str]] = json.loads(path.read_text()) if path.exists() else {}

    def status(self, mutant: Mutant) -> str | None:
        """Status of a mutant, None where it has not run."""
        return self.known.get(mutant.key, [None])[0]

    def add(self, mutant: Mutant, status: str, test: str) -> None:
        """Store one result."""
        self.known[mutant.key] = [status, test]
        if len(self.known) % 20 == 0:
            self.save()

    def save(self) -> None:
        """Write the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        waiting = self.path.with_suffix(".tmp")
        waiting.write_text(json.dumps(self.known, indent=0))
        waiting.replace(self.path)


def equivalents(path: Path = EQUIVALENT) -> dict[str, str]:
    """Reasons why mutants cannot be killed, by key.

    An entry has the key's three lines and the reason below them, two spaces in; lines that start
    with # and blank lines separate.
    """
    found: dict[str, str] = {}
    head: list[str] = []
    for line in path.read_text().splitlines():
        if line.startswith("  ") and head:
            key = "\n".join(head[-3:])
            found[key] = f"{found.get(key, '')} {line.strip()}".strip()
        elif line and not line.startswith("#"):
            head.append(line)
    return found


def package(file: str) -> str:
    """The package of a file, "hardware" for the processor's arithmetic."""
    return file.split("/")[1]


def interval(killed: int, run: int, total: int) -> tuple[float, float]:
    """95 % interval of a rate (Wilson), with the correction for a sample without replacement."""
    if run == total or not run:
        return (killed / run, killed / run) if run else (0.0, 1.0)
    z, share = 1.96 * math.sqrt((total - run) / (total - 1)), killed / run
    middle = (share + z * z / (2 * run)) / (1 + z * z / run)
    half = z / (1 + z * z / run) * math.sqrt(share * (1 - share) / run + (z / (2 * run)) ** 2)
    return middle - half, middle + half


def show(results: Results, mutants: Iterable[Mutant], totals: Mapping[str, int]) -> int:
    """Print rates by package, then the survivors; 1 if one of them has no reason.

    Args:
        results: Of a run.
        mutants: Those that count.
        totals: How many there are in each package.
    """
    reasons = equivalents()
    by_package: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        by_package.setdefault(package(mutant.file), []).append(mutant)
    open_ones: list[Mutant] = []
    print(
        f"{'package':<10} {'mutants':>8} {'run':>6} {'killed':>7} {'rate':>7}"
        f" {'listed':>7} {'open':>5}"
    )
    for name, found in by_package.items():
        left = _survivors(results, found)
        unlisted = [mutant for mutant in left if mutant.key not in reasons]
        open_ones += unlisted
        run = sum(results.status(mutant) is not None for mutant in found)
        killed = run - len(left)
        low, high = interval(killed, run, totals[name])
        spread = "" if run == totals[name] else f"  ({100 * low:.1f} to {100 * high:.1f} %)"
        print(
            f"{name:<10} {totals[name]:>8} {run:>6} {killed:>7} {100 * killed / max(run, 1):>6.1f}%"
            f" {len(left) - len(unlisted):>7} {len(unlisted):>5}{spread}"
        )
    for mutant in open_ones:
        print(f"\n# {results.status(mutant)}, line {mutant.lines[0]}\n{mutant.key}")
    return 1 if open_ones else 0


def _survivors(results: Results, mutants: Iterable[Mutant]) -> list[Mutant]:
    return [m for m in mutants if results.status(m) not in (None, KILLED, TIMEOUT)]
