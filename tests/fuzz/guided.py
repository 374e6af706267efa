"""Cases guided by the branches that they reach: `python -m tests.fuzz.guided h5 -max_total_time=600`.

Needs atheris (`pip install atheris`), whose options follow the kind of file. It begins with whole
files and keeps each change that reaches new code; the first failure ends it and is written as a file.
"""

import os
import sys
import tempfile
from pathlib import Path
from random import Random

KINDS = ("h5", "keras", "snn", "program", "npz", "image", "checkpoint", "nir")
SEEDS = 20


def main():
    kind, *options = sys.argv[1:] or [""]
    if kind not in KINDS:
        sys.exit(f"{kind}: no kind of file; allowed: {', '.join(KINDS)}")
    import atheris

    folder = Path(tempfile.mkdtemp())
    tempfile.tempdir = str(folder / "tmp")
    os.mkdir(tempfile.tempdir)
    os.environ.setdefault("NUMBA_DISABLE_JIT", "1")  # machine code has no branches to see
    with atheris.instrument_imports(
        include=["spkeras.keras_files", "spkeras.files", "spkeras.data", "spkeras.exchange"]
    ):
        from tests.fuzz import guard
        from tests.fuzz.run import Bench

        bench = Bench(folder, (kind,))
    guard.start()
    begin = folder / "seeds"
    begin.mkdir()
    for number, content in enumerate(bench.targets[kind].seeds[:SEEDS]):
        (begin / str(number)).write_bytes(content)

    def one(content):
        verdict = bench.verdict(kind, content, Random(len(content)))
        if verdict not in ("done", "refused"):
            raise AssertionError(verdict)

    most = max(len(content) for content in bench.targets[kind].seeds)
    atheris.Setup([sys.argv[0], f"-max_len={2 * most}", *options, str(begin)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
