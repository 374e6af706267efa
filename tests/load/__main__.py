"""Load: memory that does not grow with samples, conversions, weights or time steps.

`python -m tests.load` runs all cases, each in a process of its own, and prints one line of JSON for
each; exit code 1 if a bound is exceeded. `--case conversions --size 50` runs one, smaller.
"""

import argparse
import json
import subprocess
import sys

SIZES = {"samples": 100_000, "conversions": 1000, "weights": 100_000_000, "timesteps": 100_000}


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--case", choices=SIZES)
    parser.add_argument("--size", type=int, help="instead of " + str(SIZES))
    options = parser.parse_args()
    if options.case:
        from tests.load import cases

        found = getattr(cases, options.case)(options.size or SIZES[options.case])
        print(json.dumps({"case": options.case, **found}))
        sys.exit(0 if found["holds"] else 1)
    line = [sys.executable, "-m", "tests.load", "--case"]
    codes = [subprocess.run([*line, case], check=False).returncode for case in SIZES]
    sys.exit(max(codes))


main()
