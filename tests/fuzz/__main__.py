"""Runs cases: `python -m tests.fuzz --cases 20000`, or one again: `--case snn:17`.

Cases run in child processes, which are replaced when they die. Each failure is printed with the
command that repeats it; the exit code is 1 if there is one.
"""

import argparse
import collections
import json
import os
import resource
import select
import subprocess
import sys
import tempfile
import time

GIGABYTES, LONGEST = 6, 600  # seconds by the clock, the start of the child included
_NO_ANSWER = f"no answer within {LONGEST} s"
KINDS = ("h5", "keras", "snn", "program", "npz", "image", "line", "checkpoint", "nir")


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=20000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--case", help="KIND:NUMBER: one case, in this process")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        kind, number = options.case.split(":")
        print(_bench((kind,)).run(kind, int(number)))
    elif options.child:
        _child(options.kinds.split(","))
    else:
        sys.exit(_parent(options))


def _bench(kinds):
    from tests.fuzz import guard

    folder = tempfile.mkdtemp()
    tempfile.tempdir = os.path.join(folder, "tmp")
    os.mkdir(tempfile.tempdir)
    os.environ.setdefault("NUMBA_CACHE_DIR", os.path.join(folder, "tmp", "numba"))
    from tests.fuzz.run import Bench

    bench = Bench(folder, kinds)
    guard.start()
    resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES << 30, GIGABYTES << 30))
    return bench


def _child(kinds):
    """Reads "KIND NUMBER" lines and answers each with a verdict as JSON."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    bench = _bench(kinds)
    for line in sys.stdin:
        kind, number = line.split()
        print(json.dumps(bench.run(kind, int(number))), file=answers, flush=True)


def _parent(options):
    kinds = options.kinds.split(",")
    counts, failures, begin = collections.Counter(), {}, time.monotonic()
    child = None
    for index in range(options.cases):
        kind, number = kinds[index % len(kinds)], options.first + index // len(kinds)
        child = child or _start(options.kinds)
        if index and index % 500 == 0:
            print(f"{index} cases, {len(failures)} failures", file=sys.stderr, flush=True)
        verdict = _ask(child, kind, number)
        if verdict is None:
            verdict, child = _death(child), None
        if verdict in ("done", "refused"):
            counts[kind, verdict] += 1
            continue
        counts[kind, "failed"] += 1
        signature = verdict.splitlines()[0][:100] + verdict[-200:]
        if signature not in failures:
            failures[signature] = f"{kind}:{number}"
            print(f"\n{verdict}\nrepeat: python -m tests.fuzz --case {kind}:{number}", flush=True)
    if child:
        child.stdin.close()
        child.wait()
    seconds = time.monotonic() - begin
    for key, count in sorted(counts.items()):
        print(f"{key[0]:8} {key[1]:8} {count}")
    print(f"{options.cases} cases in {seconds:.0f} s, {len(failures)} different failures")
    return 1 if failures else 0


def _start(kinds):
    log = tempfile.TemporaryFile()
    child = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-m", "tests.fuzz", "--child", "--kinds", kinds],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    child.log = log
    return child


def _death(child):
    """Returns how a child ended, and where: the signal may come cases after its cause."""
    code = child.wait()
    child.log.seek(0)
    text = child.log.read().decode(errors="replace")
    return f"the process died with code {code}\n{text[text.rfind('Fatal Python error') :][:3000]}"


def _ask(child, kind, number):
    try:
        child.stdin.write(f"{kind} {number}\n")
        child.stdin.flush()
    except BrokenPipeError:
        return None
    # The bound in the child does not end a loop inside a library.
    if not select.select([child.stdout], [], [], LONGEST)[0]:
        return _NO_ANSWER
    line = child.stdout.readline()
    return json.loads(line) if line else None


main()
