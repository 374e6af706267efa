"""The examples in README and docs run, and print what they say."""

import contextlib
import io
import re
from pathlib import Path

import click
import pytest

from spkeras.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [
    pytest.param(path, id=str(path.relative_to(ROOT)))
    for path in (
        *sorted(ROOT.glob("*.md")),
        ROOT / "models/README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    )
]
# Folders that pages name paths from.
_FOLDERS = (".", "spkeras", "tests/benchmarks", "models")
_BLOCKS = re.compile(r"```python\n(.*?)```(?:\s*```text\n(.*?)```)?", re.DOTALL)


def _anchors(path):
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _options(command):
    """The options of a command and of its subcommands."""
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    for name in command.list_commands(None) if isinstance(command, click.Group) else ():
        yield from _options(command.get_command(None, name))


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [page for page in PAGES if _BLOCKS.search(page.values[0].read_text())]
)
def test_examples_print_what_they_say(path, monkeypatch, registries):
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


@pytest.mark.parametrize("path", PAGES)
def test_links_lead_somewhere(path):
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", path.read_text()):
        page = path.parent / target if target else path
        assert page.exists(), target
        assert not anchor or anchor in _anchors(page), f"{target}#{anchor}"


def test_every_page_is_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            links = re.findall(r"\]\(([^)#:]+\.md)", page.read_text())
            waiting += [(page.parent / link).resolve() for link in links]
    assert reached >= set((ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("path", PAGES)
def test_named_tests_exist(path):
    for file, name in re.findall(r"(tests/[\w/]+\.py)::(\w+)", path.read_text()):
        text = (ROOT / file).read_text()
        assert re.search(rf"^def {name}\(", text, re.MULTILINE), f"{file}::{name}"


@pytest.mark.parametrize("path", PAGES)
def test_named_files_exist(path):
    text = path.read_text()
    files = re.findall(r"(?<![\w/.])(?:\.\./)*((?:\w+/)*\w+\.py)\b", text)
    for name in re.findall(r"python -m (tests\.\w+(?:\.\w+)*)", text):
        module = name.replace(".", "/")
        files.append(f"{module}/__main__.py" if (ROOT / module).is_dir() else f"{module}.py")
    for file in (file for file in files if not Path(file).stem.isupper()):  # FILE.py is a place
        assert any((ROOT / folder / file).exists() for folder in _FOLDERS), file


@pytest.mark.parametrize("path", PAGES)
def test_named_options_exist(path):
    known = {*_options(main), "--help"}
    scripts = "".join(
        script.read_text()
        for folder in ("models", "tests/benchmarks", "tests/mutation", "tests/survey")
        for script in (ROOT / folder).glob("*.py")
    )
    for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", path.read_text()):
        assert option in known or f'"{option}"' in scripts, option
