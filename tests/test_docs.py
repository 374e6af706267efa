"""The examples in README and docs run, and print what they say."""

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_BLOCKS = re.compile(r"```python\n(.*?)```(?:\s*```text\n(.*?)```)?", re.DOTALL)


def _documents():
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        if _BLOCKS.search(path.read_text()):
            yield pytest.param(path, id=path.name)


@pytest.mark.parametrize("path", list(_documents()))
def test_examples_print_what_they_say(path, monkeypatch):
    pytest.importorskip("sklearn", reason="the examples use scikit-learn's digits")
    monkeypatch.chdir(ROOT)
    names = {"__name__": "example"}
    for code, expected in _BLOCKS.findall(path.read_text()):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, path.name, "exec"), names)
        if expected:
            assert printed.getvalue().split() == expected.split()


def test_readme_has_examples():
    assert _BLOCKS.search((ROOT / "README.md").read_text())


@pytest.mark.parametrize("path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))])
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_tests_that_documents_name_exist():
    for path in sorted((ROOT / "docs").glob("*.md")):
        for file, name in re.findall(r"(tests/[\w/]+\.py)::(\w+)", path.read_text()):
            assert re.search(
                rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE
            ), f"{path.name} names {file}::{name}"
