"""A check that a CNN's decisions depend on the labels, with the likely cause where they do not."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from spkeras.errors import DataError
from spkeras.metrics.score import Score
from spkeras.metrics.tasks import REGRESSION, SEVERAL, UNDECIDED
from spkeras.ops.arrays import Int64Array

# Level of the test: chance exceeds its bound in one of 1,000 draws.
_LEVEL = 1e-3
# With too few samples there is no verdict: the bound must be within this share of the way from
# chance to 1.
_REACH = 0.25
# Number of wrong decisions above which decisions that are all the same are near chance.
_OTHERS = 30
# Maximum number of samples that are evaluated, and the seed of their choice.
MOST, _SEED = 500, 0

Answers = Callable[[Sequence[np.ndarray]], np.ndarray]

# Changes of the inputs that may explain wrong decisions: description and function.
_MEANT: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = (
    ("divided by 255 (--scale 255)", lambda x: x / 255),
    ("multiplied by 255 (leave --scale 255 out)", lambda x: x * 255),
    ("brought to -1..1 (--scale 127.5 --mean 1)", lambda x: x / 127.5 - 1),
    ("brought from 0..1 to -1..1 (--mean 0.5 --std 0.5)", lambda x: 2 * x - 1),
)


def near_chance(decisions: Int64Array, labels: np.ndarray) -> bool:
    """Return whether decisions are right no more often than decisions independent of the labels.

    Decisions independent of the labels are right with probability sum p_c q_c, with p_c and q_c
    the shares of class c among decisions and labels. This is 1 / classes for balanced labels, and
    the share of the most frequent class for a network that always decides for it. An exact
    binomial test at 0.1 % compares with that probability. Decisions that are all the same are
    near chance where at least thirty of them are wrong.

    Returns:
        True near chance; False also for too few samples, or labels of only one class.
    """
    count, right = len(labels), int((decisions == labels).sum())
    if len(np.unique(labels)) < 2:
        return False
    if len(np.unique(decisions)) == 1 and count - right >= _OTHERS:
        return True
    rate = _by_chance(decisions, labels)
    bound = _upper(count, rate)
    return right < bound and bound / count <= rate + _REACH * (1 - rate)


def check_decisions(
    score: Score, samples: Sequence[np.ndarray], answers: Answers, batch_size: int
) -> None:
    """Refuse data on which the CNN is near chance, from up to 500 random samples.

    Args:
        score: Score with the task and the labels of all samples.
        samples: One array per input.
        answers: Function that returns the CNN's first output for samples.
        batch_size: Samples at once.

    Raises:
        DataError: the CNN is near chance; the message has the share of right decisions, the
            likely cause and the remedy.
    """
    if score.task == REGRESSION or score.task in SEVERAL or score.targets is None:
        return
    rows = _rows(len(score.targets), batch_size)
    chosen, labels = [np.asarray(array)[rows] for array in samples], score.targets[rows]

    def decisions(change: Callable[[np.ndarray], np.ndarray] = lambda x: x) -> Int64Array:
        found = [
            score.decide(answers([change(array[at : at + batch_size]) for array in chosen]))
            for at in range(0, len(rows), batch_size)
        ]
        return np.concatenate(found)

    own = decisions()
    if not near_chance(own, labels):
        return
    right = float((own == labels).mean())
    others = [(words, decisions(change)) for words, change in _MEANT]
    raise DataError(
        f"data: {right:.1%} of the CNN's decisions on {len(rows)} samples equal the labels, "
        f"{_by_chance(own, labels):.1%} would be chance{_collapsed(own)}. "
        f"{_cause(others, labels, right)} If the data are correct, turn this check off "
        "(--insist, in Python insist=True)"
    )


def _rows(count: int, batch_size: int) -> Int64Array:
    """Return random indices, in whole batches if there are any: functions are compiled for them."""
    rows = np.random.default_rng(_SEED).permutation(count)[:MOST]
    whole = len(rows) // batch_size * batch_size
    return rows[:whole] if whole else rows


def _by_chance(decisions: Int64Array, labels: np.ndarray) -> float:
    """Return the expected share of right decisions if they were independent of the labels."""
    classes = np.unique(labels)
    decided, said = ((values[:, None] == classes).mean(axis=0) for values in (decisions, labels))
    return float(decided @ said)


def _upper(count: int, rate: float) -> int:
    """Return the least number of right decisions that chance reaches in at most 0.1 % of draws."""
    if not 0 < rate < 1:
        return count + 1 if rate else 1
    hits = np.arange(count + 1)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    logs = (
        factorials[count]
        - factorials[hits]
        - factorials[count - hits]
        + hits * math.log(rate)
        + (count - hits) * math.log1p(-rate)
    )
    tails = np.exp(logs)[::-1].cumsum()  # of at least count, count - 1, ... hits
    return int((tails > _LEVEL).sum())


def _collapsed(decisions: Int64Array) -> str:
    """Return a clause for the message where at least 90 % of the decisions are the same."""
    classes, counts = np.unique(decisions, return_counts=True)
    share, most = counts.max() / len(decisions), int(classes[counts.argmax()])
    if share < 0.9:
        return ""
    what = "undecided (NaN)" if most == UNDECIDED else f"class {most}"
    return f"; {share:.0%} are decided as {what}"


def _cause(others: Sequence[tuple[str, np.ndarray]], labels: np.ndarray, right: float) -> str:
    """Return the sentence with the likely cause: a change of the inputs that helps, or others."""
    found = [
        (float((decided == labels).mean()), words)
        for words, decided in others
        if not near_chance(decided, labels)
    ]
    best, words = max(found, default=(0.0, ""))
    if best > right:
        return (
            "Likely cause: the inputs have another range than in training. With the inputs "
            f"{words} {best:.1%} are right."
        )
    return (
        "Likely causes: inputs of another range than in training (--scale, --mean, --std), labels "
        "in another order than in training (class folders are numbered by name), or a CNN that is "
        "not trained."
    )
