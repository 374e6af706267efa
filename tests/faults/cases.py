"""One fault each, and what must hold after it."""

import os
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path

from tests.faults.commands import content
from tests.faults.server import end, full_after, kill_at, obey_modes, run, start

AT_ONCE = 8


class Place:
    """Folders for cases, and the results of runs that nothing stopped."""

    def __init__(self, given, folder):
        self.given, self.folder, self.count, self.whole = given, folder, 0, {}

    def fresh(self):
        """Returns a new folder with the inputs."""
        self.count += 1
        folder = self.folder / f"case{self.count}"
        shutil.copytree(self.given, folder)
        return folder

    def reference(self, command):
        """Returns content and seconds of a run that nothing stopped."""
        if command not in self.whole:
            folder = self.fresh()
            done = run(command.words(), folder)
            assert done.code == 0, done.err
            assert names(folder) == {*names(self.given), command.output}
            self.whole[command] = content(folder / command.output), done.seconds
            shutil.rmtree(folder)
        return self.whole[command]

    def check_inputs(self, folder):
        """Raises an AssertionError where an input was changed."""
        for path in self.given.iterdir():
            assert (folder / path.name).read_bytes() == path.read_bytes(), path.name


def names(folder):
    return {entry.name for entry in folder.iterdir()}


def refused(done):
    """Raises an AssertionError unless a command ended in one message."""
    assert done.code == 1, (done.code, done.err[-800:])
    assert "Traceback" not in done.err and done.err.count("Error:") == 1, done.err[-800:]


def killed(place, command, random):
    """SIGKILL at a random moment."""
    seconds = place.reference(command)[1]
    _killed(place, command, kill_after=random.uniform(0, 1.05 * seconds))


def killed_at(number, place, command, random):
    """SIGKILL before the n-th change of a file."""
    _killed(place, command, before=kill_at(number))


def _killed(place, command, **how):
    whole = place.reference(command)[0]
    folder = place.fresh()
    run(command.words(), folder, **how)
    output = folder / command.output
    if output.exists():
        assert content(output) == whole, "a torn or another output"
    place.check_inputs(folder)
    left = names(folder) - names(place.given) - {command.output, command.checkpoint}
    drafts = {name for name in left if name.startswith(".spkeras-") and name.endswith(".draft")}
    assert left <= {*drafts, f".{command.checkpoint}.lock"}, left
    again = run([*command.words(), *command.again], folder)
    assert again.code == 0, again.err[-800:]
    assert content(output) == whole, "the repeated run differs"
    assert names(folder) == {*names(place.given), command.output, *drafts}
    shutil.rmtree(folder)


def full_disk(size, place, command, random):
    """No file may grow beyond a size: the output before stays, and nothing else is left."""
    _on_full(place, command, place.fresh(), full_after(size))


def full_tmpfs(size, place, command, random):
    """A file system with little space left after the inputs."""
    folder = Path(tempfile.mkdtemp(dir=place.folder))
    used = sum(-(-path.stat().st_size // 4096) * 4096 for path in place.given.iterdir())
    mount = ["mount", "-t", "tmpfs", "-o", f"size={used + 8192 + size}", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        return  # only root mounts, and not in every container
    try:
        for path in place.given.iterdir():
            shutil.copy(path, folder)
        _on_full(place, command, folder, lambda: None)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def _on_full(place, command, folder, before):
    output = folder / command.output
    done = run(command.words(), folder, before)
    if done.code == 0:
        assert content(output) == place.reference(command)[0]
    else:
        refused(done)
        assert not output.exists()
    place.check_inputs(folder)
    left = names(folder) - names(place.given) - {command.output}
    assert left <= {command.checkpoint}, left


def read_only(place, command, random):
    """A folder that may not be written: refused before any work."""
    folder = place.fresh()
    folder.chmod(0o555)
    done = run(command.words(), folder, obey_modes)
    refused(done)
    assert names(folder) == names(place.given)
    folder.chmod(0o755)


def unreadable(place, command, random):
    """Inputs that may not be read."""
    for given in [word for word in command.words() if word in names(place.given)]:
        folder = place.fresh()
        (folder / given).chmod(0)
        done = run(command.words(), folder, obey_modes)
        assert done.code in (1, 2) and "Traceback" not in done.err, done.err[-800:]
        assert names(folder) == names(place.given)


def at_once(same, place, command, random):
    """Several runs at once, with one output or one each: each is whole, or refused."""
    whole = place.reference(command)[0]
    folder = place.fresh()
    outputs = [command.output] * AT_ONCE
    if not same:
        suffix = Path(command.output).suffix
        outputs = [f"own{number}{suffix}" for number in range(AT_ONCE)]
    runs = [start([*command.words(name), "--force"], folder) for name in outputs]
    results = [end(one) for one in runs]
    assert 0 in [done.code for done in results]
    for name, done in zip(outputs, results, strict=True):
        if done.code:
            refused(done)
            assert "in use by another run" in done.err, done.err
        else:
            assert content(folder / name) == whole
    if not (command.checkpoint and (same or "sweep" in command.checkpoint)):
        assert {done.code for done in results} == {0}
    place.check_inputs(folder)
    left = names(folder) - names(place.given) - set(outputs)
    assert not left, left


def full(chosen, kills):
    """Yields all cases of some commands: kind, name of the command, function."""
    for number in range(kills):
        yield "kill", chosen[number % len(chosen)], killed
    for name in chosen:
        for number in range(1, 13):
            yield "kill at", name, partial(killed_at, number)
        for size in (0, 512, 4096, 8192, 16384):
            yield "full disk", name, partial(full_disk, size)
        for size in (0, 8192, 24576):
            yield "full tmpfs", name, partial(full_tmpfs, size)
        yield "read-only", name, read_only
        yield "unreadable", name, unreadable
        yield "at once", name, partial(at_once, True)
        yield "at once", name, partial(at_once, False)


def small():
    """Yields the fixed part for every change."""
    for name, number in (("thresholds", 9), ("compile", 3), ("sweep", 8)):
        yield "kill at", name, partial(killed_at, number)
    yield "full disk", "convert_h5", partial(full_disk, 4096)
    yield "read-only", "sweep", read_only
    yield "at once", "compile", partial(at_once, True)
