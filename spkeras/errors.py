"""Exceptions that a user can meet, as one family.

Every message says where, what was received, what is allowed and what to do. The command line
turns the whole family into one line and exit code 1, and catches no other exception.
"""

from collections.abc import Sequence

# Characters of one line of a message, and of all of them.
_LINE, _ALL = 600, 20_000


def plain(text: str) -> str:
    """Return text without control characters: a terminal would obey those of a file.

    Line ends stay; other characters that cannot be printed are written as their escapes.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c == "\n" or c.isprintable() else repr(c)[1:-1].replace("\\\\", "\\") for c in text
    )


def shown(value: object, most: int = 200) -> str:
    """Return a value of a file in one line for a message: plain and not longer than `most`."""
    text = plain(str(value)).replace("\n", "\\n")
    if len(text) <= most:
        return text
    return f"{text[: most // 2]} ... {text[-most // 4 :]} ({len(text)} characters)"


def _message(text: str) -> str:
    """Return a message without control characters, its long lines shortened."""
    lines = [shown(line, _LINE) if len(line) > _LINE else line for line in plain(text).split("\n")]
    message = "\n".join(lines)
    return message if len(message) <= _ALL else f"{message[:_ALL]} ... ({len(message)} characters)"


class SpkerasError(ValueError):
    """Base of all errors that a user can cause and repair."""

    def __init__(self, message: str = "") -> None:
        super().__init__(_message(str(message)))


class ModelFileError(SpkerasError):
    """A model file that is missing, unreadable, of another kind, or would need to run code."""


class DataError(SpkerasError):
    """Samples or labels that do not fit: shape, range, NaN, number."""


class UnsafeFileError(ModelFileError, DataError):
    """A file that would read other files, or take far more memory than its size."""


class WeightsError(SpkerasError):
    """Weights, biases, statistics or thresholds that are NaN or infinite."""


class OptionError(SpkerasError):
    """An option whose value is not allowed, or two options that exclude each other."""


class ClusterError(SpkerasError):
    """A cluster that does not answer, has other versions, or loses the same batch repeatedly."""


class UnsupportedLayerError(SpkerasError):
    """One or more layers that cannot be converted.

    Attributes:
        problems: One sentence per layer: its name and class, what was received, what to do.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = "1 layer cannot" if count == 1 else f"{count} layers cannot"
        super().__init__("\n  - ".join([f"{head} be converted:", *self.problems]))


class GraphError(SpkerasError):
    """A graph that breaks its own rules; a fault of the pass that made it."""


class ExportError(SpkerasError):
    """A network that a file of another tool cannot hold.

    Attributes:
        problems: One sentence each: the layer or setting, what it is, what to do.
    """

    def __init__(self, place: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "\n  - ".join([f"{place}: {len(self.problems)} parts cannot be written:", *problems])
        )
