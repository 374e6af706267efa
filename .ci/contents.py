"""Check what the wheel and the sdist of a folder hold: `python .ci/contents.py dist`."""

import sys
import tarfile
import zipfile
from pathlib import Path

# Endings of names that must be there, and parts of names that must not.
WHEEL = (
    "spkeras/py.typed",
    "spkeras/data/digits.npz",
    "spkeras/facade/digits_cnn.keras",
    "spkeras/report/page.html",
    "spkeras/hardware/log_ttfs/verilog/log_ttfs_pe.v",
    "LICENSE",
)
SDIST = (
    *WHEEL,
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/index.md",
    "docs/site/mkdocs.yml",
    "docs/figures/sweep.svg",
    "models/train.py",
    "models/cnn_training/loop.py",
    "tests/conftest.py",
    "tests/golden/outputs.npz",
)
MIB = 2**20


def check(path, names, needed, most):
    """Refuse a distribution that lacks a file, holds stored networks, or is too large."""
    missing = [end for end in needed if not any(name.endswith(end) for name in names)]
    stray = [name for name in names if "models/" in name and name.endswith(".keras")]
    stray += [name for name in names if "__pycache__" in name]
    size = path.stat().st_size
    if missing or stray or size > most:
        sys.exit(
            f"{path}: missing {missing}, not wanted {stray}, {size / MIB:.1f} MiB of {most / MIB}"
        )
    print(f"{path.name}: {len(names)} files, {size / MIB:.1f} MiB")


def main():
    """Check the only wheel and the only sdist."""
    folder = Path(sys.argv[1])
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    check(wheel, zipfile.ZipFile(wheel).namelist(), WHEEL, 5 * MIB)
    with tarfile.open(sdist) as archive:
        check(sdist, archive.getnames(), SDIST, 10 * MIB)


if __name__ == "__main__":
    main()
