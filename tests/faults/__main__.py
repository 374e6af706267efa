"""Faults: kills, full disks, folders that cannot be written, several runs at once.

`python -m tests.faults --kills 200` kills commands at random moments, repeats each one, and compares
with a run that nothing stopped. Exit code 1 if anything is torn, lost or different.
"""

import argparse
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from random import Random

from tests.faults import cases, commands, server


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="at random moments, over commands")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", default=",".join(commands.COMMANDS))
    parser.add_argument("--small", action="store_true", help="the fixed part for every change")
    options = parser.parse_args()
    server.preload()
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    try:
        given = folder / "given"
        given.mkdir()
        commands.inputs(given)
        names = options.commands.split(",")
        work = cases.small() if options.small else cases.full(names, options.kills)
        sys.exit(_run(work, cases.Place(given, folder), Random(options.seed)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(work, place, random):
    counts, failed = {}, 0
    for kind, name, case in work:
        try:
            case(place, commands.COMMANDS[name], random)
        except Exception:
            failed += 1
            print(f"\n{kind} {name}\n{traceback.format_exc()[-1500:]}", flush=True)
        counts[kind, name] = counts.get((kind, name), 0) + 1
        if sum(counts.values()) % 50 == 0:
            print(f"{sum(counts.values())} cases, {failed} failures", file=sys.stderr, flush=True)
    for (kind, name), count in sorted(counts.items()):
        print(f"{kind:12} {name:12} {count}")
    print(f"{sum(counts.values())} cases, {failed} failures")
    return 1 if failed else 0


main()
