"""Print the notes of a version from CHANGELOG.md: `python .ci/version.py 0.2.0`.

Fails unless the package, CITATION.cff and a dated section of CHANGELOG.md have this version.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def notes(version, root=ROOT):
    """Return the section of a version."""
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    dated = rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)\n(.*?)(?=^## |\Z)"
    found = re.search(dated, changes, re.MULTILINE | re.DOTALL)
    places = {
        "spkeras/__init__.py": f'__version__ = "{version}"',
        "CITATION.cff": f"version: {version}\n",
    }
    wrong = [name for name, line in places.items() if line not in (root / name).read_text()]
    if not found:
        wrong.append(f"CHANGELOG.md (allowed: a section '## {version} (YYYY-MM-DD)')")
    if wrong:
        sys.exit(f"version {version}: not the version of {', '.join(wrong)}")
    return found[1].strip()


if __name__ == "__main__":
    print(notes(sys.argv[1]))
