"""What a case may touch: a record of files, processes and connections, and a bound on its time."""

import os
import signal
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

# Of processor time, which other programs do not take; and of the clock, for cases that only wait.
SECONDS, WAITING = 60, 600
PROGRAMS = ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "pty.spawn", "os.fork")
NETWORK = ("socket.connect", "socket.bind", "urllib.Request")
CHANGES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.chmod", "os.link", "os.symlink")
# Places that Python, Keras and their libraries read while they run.
READABLE = [
    *(os.path.realpath(sys.prefix), os.path.realpath(sys.base_prefix), sys.prefix),
    *(str(Path(__file__).resolve().parents[2]), "/proc", "/sys", "/dev", "/usr", "/lib", "/etc/"),
    *(os.path.expanduser(f"~/{name}") for name in (".keras", ".config", ".cache")),
]
_state: dict = {"folders": None, "found": []}


def start():
    """Starts the record, once in a process; it cannot be stopped."""
    sys.addaudithook(_watch)


def _watch(event, arguments):
    folders, found = _state["folders"], _state["found"]
    if folders is None:
        return
    if event in PROGRAMS or event in NETWORK:
        found.append(f"{event} {arguments!r}"[:300])
    elif event == "open" and isinstance(arguments[0], str | bytes):
        writes = isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if not _inside(arguments[0], folders if writes else folders + READABLE):
            found.append(f"open {arguments!r}"[:300])
    elif event in CHANGES and arguments[-1] == -1 and not _inside(arguments[0], folders):
        found.append(f"{event} {arguments!r}"[:300])


def _inside(path, folders):
    try:
        text = os.path.abspath(os.fsdecode(path))
    except (TypeError, ValueError):
        return True
    return any(text == folder or text.startswith(folder + os.sep) for folder in folders)


class TooLong(BaseException):
    """A case took longer than it may."""


@contextmanager
def watched(folder):
    """Yields the list of what a case does outside its folder; ends a case that takes too long."""

    def late(number, _):
        raise TooLong(f"more than {SECONDS if number == signal.SIGPROF else WAITING} s")

    before = [(number, signal.signal(number, late)) for number in (signal.SIGPROF, signal.SIGALRM)]
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.alarm(WAITING)
    allowed = [str(folder), tempfile.gettempdir(), "/dev/null", "/dev/shm"]  # noqa: S108
    _state.update(folders=allowed, found=[])
    try:
        yield _state["found"]
    finally:
        _state["folders"] = None
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        for number, handler in before:
            signal.signal(number, handler)
