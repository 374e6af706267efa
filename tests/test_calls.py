"""Calls whose arguments could be swapped: more than four of them without a name."""

import ast
import builtins
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "spkeras"
FILES = sorted(PACKAGE.rglob("*.py"))
MOST = 4
# Compiled kernels take arrays by position: (file, name of the callee).
COMPILED = {
    ("events/engine.py", "run"),
    ("integers/linear.py", "scatter"),
    *(("integers/neurons.py", name) for name in ("fire", "receive", "largest")),
}
KERNELS = tuple(
    f"events/{name}.py"
    for name in ("channelwise", "kernels", "receiving", "sending", "sums", "valuing", "vectors")
)


def names_of_ours():
    found = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                found.add(node.name)
    return found - set(dir(builtins)) - {"reshape", "transpose"}


OURS = names_of_ours() | {"cls"}


def swappable(source, file, ours):
    """(line, callee) of each call of ours with too many arguments by position."""
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and len(call.args) > MOST:
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            if name in ours and (file, name) not in COMPILED:
                yield call.lineno, name


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_call_has_more_than_four_arguments_by_position(path):
    file = path.relative_to(PACKAGE).as_posix()
    if file in KERNELS:
        return
    assert list(swappable(path.read_text(), file, OURS)) == []


def test_the_check_finds_a_call():
    source = (
        "def f(*x): ...\nf(1, 2, 3, 4)\nf(1, 2, 3, 4, 5)\nprint(1, 2, 3, 4, 5)\na.f(1, 2, 3, 4, 5)"
    )
    assert list(swappable(source, "some.py", {"f"})) == [(3, "f"), (5, "f")]
