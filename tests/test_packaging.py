"""Bounds, versions and notes of a release; what the distributions hold is checked by .ci/run."""

import configparser
import importlib.util
import re
from pathlib import Path

import pytest

import spkeras

ROOT = Path(__file__).parents[1]


def _config():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return config


def _script(name):
    found = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_lower_ends_that_ci_installs_are_the_bounds():
    config = _config()
    texts = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    bounds = dict(re.findall(r"^\s*([\w-]+)>=([\d.]+)", "\n".join(texts), re.MULTILINE))
    lowest = dict(
        re.findall(r"^([\w-]+)==([\d.]+?)(?:\.\*)?$", (ROOT / ".ci/lowest.txt").read_text(), re.M)
    )
    for name, version in lowest.items():
        assert name == "jaxlib" or version.startswith(bounds[name]), name
    required = re.findall(r"^\s*([\w-]+)>=", config["options"]["install_requires"], re.MULTILINE)
    assert set(required) <= set(lowest)


def test_data_files_of_the_package_exist():
    for pattern in _config()["options.package_data"]["spkeras"].split():
        assert list((ROOT / "spkeras").glob(pattern)), pattern


def test_a_version_is_the_same_everywhere():
    assert f"version: {spkeras.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert re.search(
        rf"^## {re.escape(spkeras.__version__)} \(", (ROOT / "CHANGELOG.md").read_text(), re.M
    )


def test_notes_are_the_section_of_a_dated_version(tmp_path):
    version = _script("version")
    (tmp_path / "spkeras").mkdir()
    (tmp_path / "spkeras/__init__.py").write_text('__version__ = "1.2.0"\n')
    (tmp_path / "CITATION.cff").write_text("version: 1.2.0\n")
    changes = "# Changelog\n\n## 1.2.0 ({})\n\n- New.\n\n## 1.1.0 (2026-01-01)\n\n- Old.\n"
    (tmp_path / "CHANGELOG.md").write_text(changes.format("2026-12-01"))
    assert version.notes("1.2.0", tmp_path) == "- New."
    (tmp_path / "CHANGELOG.md").write_text(changes.format("unreleased"))
    with pytest.raises(SystemExit, match="CHANGELOG.md"):
        version.notes("1.2.0", tmp_path)
    with pytest.raises(SystemExit, match="CITATION.cff, CHANGELOG.md"):
        version.notes("1.3.0", tmp_path)


def test_contents_refuse_stored_networks_and_missing_files(tmp_path):
    contents = _script("contents")
    path = tmp_path / "x.whl"
    path.write_bytes(b"")
    contents.check(path, [f"x/{name}" for name in contents.WHEEL], contents.WHEEL, 100)
    for names in (contents.WHEEL[1:], (*contents.WHEEL, "x/models/big.keras")):
        with pytest.raises(SystemExit, match="missing"):
            contents.check(path, names, contents.WHEEL, 100)
