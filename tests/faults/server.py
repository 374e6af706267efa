"""Runs commands in forked processes: what is imported once serves all of them."""

import ctypes
import os
import random
import resource
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

# Events at which a command changes files; a kill before the n-th of them is a moment of its own.
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "tempfile.mkdtemp", "shutil.rmtree")
SECONDS = 300


@dataclass(frozen=True)
class Result:
    """How a command ended.

    Attributes:
        code: Exit code; -9 after SIGKILL.
        out, err: Standard output and error.
        seconds: From start to end.
    """

    code: int
    out: str
    err: str
    seconds: float


def preload():
    """Imports what commands need, and computes nothing: a backend that has begun cannot be forked."""
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    import spkeras.facade.studies  # noqa: F401
    import spkeras.hardware.log_ttfs  # noqa: F401
    import spkeras.training  # noqa: F401
    from spkeras.cli import main  # noqa: F401


def start(words, folder, before=lambda: None):
    """Starts a command in a folder; returns its process and what `end` needs.

    Args:
        words: The command line without `spkeras`.
        folder: Working directory.
        before: Called in the new process before the command.
    """
    folder = Path(folder)
    # Pipes: what a command writes there is no file, whose size may be limited.
    logs = [os.pipe() for _ in range(2)]
    process = os.fork()
    if process == 0:
        code = 99
        try:
            os.chdir(folder)
            for number, (_, written) in enumerate(logs, 1):
                os.dup2(written, number)
            sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
            random.seed(os.urandom(8))
            before()
            code = _command(words)
        except BaseException:  # noqa: B902
            traceback.print_exc()
        finally:
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            except OSError:
                pass
            finally:
                os._exit(code)  # whatever happens, nothing of the parent's frames runs here
    for _, written in logs:
        os.close(written)
    return process, [read for read, _ in logs], time.monotonic()


def _command(words):
    from spkeras.cli import main

    try:
        main([str(word) for word in words], prog_name="spkeras")
    except SystemExit as done:
        return done.code or 0
    return 0


def end(started, kill_after=None):
    """Waits for a command, or kills it after some seconds; returns its result."""
    process, logs, begin = started
    until = begin + (SECONDS if kill_after is None else kill_after)
    status = None
    while status is None:
        done, code = os.waitpid(process, os.WNOHANG)
        if done:
            status = code
        elif time.monotonic() >= until:
            os.kill(process, signal.SIGKILL)
            status = os.waitpid(process, 0)[1]
        else:
            time.sleep(0.005)
    texts = []
    for log in logs:
        with os.fdopen(log, errors="replace") as stream:
            texts.append(stream.read())
    return Result(os.waitstatus_to_exitcode(status), *texts, time.monotonic() - begin)


def run(words, folder, before=lambda: None, kill_after=None):
    """Runs a command to its end, or kills it after some seconds."""
    return end(start(words, folder, before), kill_after)


def kill_at(number):
    """A `before` that kills the process just before its n-th change of a file."""

    def before():
        left = [number]

        def watch(event, arguments):
            opened = event == "open" and isinstance(arguments[2], int) and arguments[2] & 3
            if event in CHANGES or opened and str(arguments[0]) not in ("/dev/null",):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)

    return before


def full_after(size):
    """A `before` with a limit on the size of files, which fails as a full disk does."""

    def before():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return before


def obey_modes():
    """A `before` after which also root obeys the modes of files: it gives up its capabilities."""
    if os.geteuid() == 0:
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        nothing = (ctypes.c_uint32 * 6)()
        if ctypes.CDLL(None, use_errno=True).capset(header, nothing):
            raise OSError(ctypes.get_errno(), "capset")
