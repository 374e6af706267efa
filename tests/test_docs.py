"""The examples in README and docs run, and print what they say."""

import contextlib
import io
import json
import os
import re
import shlex
import shutil
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

import spkeras
from spkeras.cli import main

ROOT = Path(__file__).parents[1]
# README and the metadata are shown elsewhere, too: their links name the repository.
_HERE = "https://github.com/spkeras/spkeras/blob/main/"
PAGES = [
    pytest.param(path, id=str(path.relative_to(ROOT)))
    for path in (
        *sorted(ROOT.glob("*.md")),
        ROOT / "models/README.md",
        ROOT / "tests/README.md",
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


@pytest.fixture()
def beside(tmp_path, monkeypatch):
    """A folder to write in, from which the repository's files have their usual paths."""
    for name in ("models", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [page for page in PAGES if _BLOCKS.search(page.values[0].read_text())]
)
def test_examples_print_what_they_say(path, beside, registries):
    if "sklearn" in path.read_text():
        pytest.importorskip("sklearn", reason="the examples use scikit-learn's digits")
    if "spkeras.export" in path.read_text():
        pytest.importorskip("nir", reason="the examples write NIR files")
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
    for target, anchor in _links(path):
        page = path.parent / target if target else path
        assert page.exists(), target
        assert not anchor or anchor in _anchors(page), f"{target}#{anchor}"


def _links(path):
    """Targets and anchors of a page's links to files of the repository, relative to the page."""
    text = path.read_text().replace(f"]({_HERE}", f"]({os.path.relpath(ROOT, path.parent)}/")
    return re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text)


def test_every_page_is_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            links = [link for link, _ in _links(page) if link.endswith(".md")]
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
        for folder in (
            *("models", "tests/benchmarks", "tests/faults", "tests/fuzz", "tests/load"),
            *("tests/mutation", "tests/survey"),
        )
        for script in (ROOT / folder).glob("*.py")
    )
    for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", path.read_text()):
        assert option in known or f'"{option}"' in scripts, option


_RUN = ("start", "concepts", "tutorials", "howto")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with the files that commands of the pages name: a CNN and its data."""
    folder = tmp_path_factory.mktemp("workplace")
    shutil.copy(ROOT / "models" / "digits_cnn.keras", folder / "model.keras")
    (x, y), (x_test, y_test) = spkeras.demo()[1:]
    parts = {"x_train": x[:300], "y_train": y[:300], "x_test": x_test[:60], "y_test": y_test[:60]}
    np.savez(folder / "data.npz", **parts)
    return folder


def _command_lines(path):
    """The lines of a page's shell blocks that call spkeras, as lists of words."""
    blocks = re.findall(r"```sh\n(.*?)```", path.read_text(), re.DOTALL)
    for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["spkeras"]:
            yield words[1:]


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [page for page in PAGES if page.values[0].parent.name in _RUN], ids=str
)
def test_commands_run(path, workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    for words in _command_lines(path):
        # A page may name a Lambda that this CNN lacks.
        if "--replace" in words or words[0] == "demo":
            continue
        if words[0] in ("convert", "finetune"):
            words.append("--force")
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, (words, result.output)


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs/notebooks").glob("*.ipynb")), ids=lambda p: p.stem
)
def test_notebooks_run(path, beside):
    pytest.importorskip("matplotlib", reason="the notebooks draw")
    cells = json.loads(path.read_text())["cells"]
    assert not any(cell.get("outputs") for cell in cells), "stored outputs: clear them"
    names = {"__name__": "notebook"}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), path.name, "exec"), names)


def test_the_interface_page_lists_every_public_name(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs/site")
    import interface

    page = interface.page()
    for name in set(spkeras.__all__) - set(interface.ELSEWHERE):
        assert f"heading: spkeras.{name}\n" in f"{page}\n", name


def test_the_commands_page_has_every_command_and_option(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs/site")
    import commands

    page = commands.page()
    for name in main.list_commands(None):
        assert f"## spkeras {name}\n" in page
    missing = [
        option for option in _options(main) if option.startswith("--") and option not in page
    ]
    assert not missing


def test_every_page_is_in_the_navigation():
    listed = set(re.findall(r"[\w/]+\.md", (ROOT / "docs/site/mkdocs.yml").read_text()))
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert pages == listed
