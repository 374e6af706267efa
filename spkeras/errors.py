"""What can go wrong for a user, as one family of exceptions.

Every message says where, what was received, what is allowed and what to do. The command
line turns the whole family into one line and exit code 1; nothing else is caught.
"""

from collections.abc import Sequence


class SpkerasError(ValueError):
    """Base of all errors that a user can cause and cure."""


class ModelFileError(SpkerasError):
    """A file is missing, unreadable, of another kind, or would need to run code."""


class DataError(SpkerasError):
    """Samples or labels do not fit: shape, range, NaN, number."""


class WeightsError(SpkerasError):
    """Weights, biases, statistics or thresholds of a network are NaN or infinite."""


class OptionError(SpkerasError):
    """An option has a value that is not allowed, or two options exclude each other."""


class ClusterError(SpkerasError):
    """A cluster does not answer, has other versions, or loses the same work again and again."""


class UnsupportedLayerError(SpkerasError):
    """One or more layers cannot be converted.

    Attributes:
        problems: One sentence per layer: its name and class, what was received, what to do.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = "1 layer cannot" if count == 1 else f"{count} layers cannot"
        super().__init__("\n  - ".join([f"{head} be converted:", *self.problems]))


class GraphError(SpkerasError):
    """A graph breaks its own rules; a fault of the pass that made it."""
