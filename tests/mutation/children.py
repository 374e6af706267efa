"""Processes of their own for mutants: each has the fault, no other one does."""

import gc
import importlib.machinery
import math
import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, FunctionType

from tests.mutation.operators import Mutant

KILLED, SURVIVED, TIMEOUT, STUCK = "killed", "survived", "timeout", "stuck"
MOST_MEMORY = 12 << 30
# Wall clock over processor time, beyond which a process waits for something that never comes.
PATIENCE = 10


@dataclass
class Child:
    """A running mutant.

    Attributes:
        pid: Process number.
        mutant: What is wrong in it.
        until: Time at which it is stopped whatever it does.
        reader: File descriptor on which it names the test that failed.
    """

    pid: int
    mutant: Mutant
    until: float
    reader: int


def start(mutant: Mutant, seconds: float, body: Callable[[], str | None]) -> Child:
    """Fork a process that runs `body` and reports which test failed, None for none.

    Args:
        mutant: What is wrong in it.
        seconds: Of processor time that it may take; a machine under load is no failure.
        body: What it does.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return Child(pid, mutant, time.monotonic() + PATIENCE * seconds, reader)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    # Many a fault asks for more memory than there is.
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    used = math.ceil(time.process_time() + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (used, used + 1))
    try:
        failed = body()
    except BaseException as error:  # noqa: B036
        failed = f"{type(error).__name__}"
    os.write(writer, (failed or "").encode()[:4000])
    os._exit(1 if failed else 0)


def wait(children: list[Child]) -> tuple[Child, str, str]:
    """Wait for one of the children: which, its status and the test that failed."""
    while True:
        for child in children:
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            late = not pid and time.monotonic() > child.until
            if late:
                os.kill(child.pid, signal.SIGKILL)
                os.waitpid(child.pid, 0)
            if pid or late:
                children.remove(child)
                test = os.read(child.reader, 4000).decode()
                os.close(child.reader)
                return child, STUCK if late else _outcome(status), test
        time.sleep(0.01)


def _outcome(status: int) -> str:
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL):
        return TIMEOUT
    return KILLED if status else SURVIVED


def living_functions(files: dict[str, str]) -> dict[tuple[str, str, int], list[FunctionType]]:
    """All functions of some files, by file, qualified name and first line.

    Args:
        files: Names in results by absolute path.
    """
    found: dict[tuple[str, str, int], list[FunctionType]] = {}
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename in files:
            code = thing.__code__
            place = files[code.co_filename], code.co_qualname, code.co_firstlineno
            found.setdefault(place, []).append(thing)
    return found


def put_into(functions: list[FunctionType], mutant: Mutant) -> None:
    """Exchange the code of living functions: whoever imported them calls the fault."""
    code = code_of(mutant.compiled(functions[0].__code__.co_filename), mutant)
    for function in functions:
        function.__code__ = code


def code_of(module: CodeType, mutant: Mutant) -> CodeType:
    """The code of the mutant's function within that of its module."""
    waiting = [module]
    while waiting:
        code = waiting.pop()
        if (code.co_qualname, code.co_firstlineno) == (mutant.function, mutant.first_line):
            return code
        waiting += [const for const in code.co_consts if isinstance(const, CodeType)]
    raise LookupError(mutant.key)


def put_into_import(path: str, mutant: Mutant) -> None:
    """Let the next import of a file find the fault."""
    loader = importlib.machinery.SourceFileLoader
    original = loader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, fullname: str) -> CodeType | None:
        if os.path.realpath(self.path) == path:
            return mutant.compiled(path)
        return original(self, fullname)

    loader.get_code = get_code  # type: ignore[method-assign]
