"""One case: made from a kind and a number, run under guard, with a verdict."""

import shutil
import traceback
from pathlib import Path
from random import Random

from spkeras.errors import SpkerasError
from tests.fuzz import guard
from tests.fuzz.targets import TARGETS, outside


class Bench:
    """The kinds of files, made once, and the folder in which cases run."""

    def __init__(self, folder, kinds=tuple(TARGETS)):
        self.folder = Path(folder)
        (self.folder / "outside").mkdir()
        secret = outside(self.folder / "outside")
        self.targets = {kind: TARGETS[kind](self.folder, secret) for kind in kinds}

    def run(self, kind, number):
        """Returns "done", "refused", or what went wrong, with its traceback."""
        random = Random(f"{kind} {number}")
        return self.verdict(kind, self.targets[kind].case(random), random)

    def verdict(self, kind, content, random):
        """As `run`, of these bytes."""
        target = self.targets[kind]
        place = self.folder / "case"
        place.mkdir()
        path = place / f"case{target.suffix}"
        path.write_bytes(content)
        try:
            with guard.watched(place) as found:
                verdict = _verdict(lambda: target.use(path, place, random))
            if found:
                verdict = f"touched what is outside: {found[:3]}"
        finally:
            shutil.rmtree(place)
        return verdict


def _verdict(use):
    try:
        use()
    except SpkerasError as error:
        text = str(error)
        if not text.isprintable() and not text.replace("\n", "").isprintable():
            return f"a message with control characters: {text!r}"
        return "refused" if len(text) < 8000 else f"a message of {len(text)} characters"
    except BaseException as error:  # noqa: B902
        lines = traceback.format_exception(error)
        return f"{type(error).__name__}: {str(error)[:300]}\n{''.join(lines)[-3000:]}"
    return "done"
