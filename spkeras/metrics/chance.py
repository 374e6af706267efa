"""Whether a CNN's decisions follow the labels at all, and what explains it where they do not."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from spkeras.errors import DataError
from spkeras.metrics.score import REGRESSION, UNDECIDED, Score

# Chance reaches what counts as above it in one of 1,000 draws.
_LEVEL = 1e-3
# Too few samples tell nothing: the bound must lie within this share of the way from chance to 1.
_REACH = 0.25
# Of decisions that are all the same: labels that say otherwise.
_OTHERS = 30
# Samples that are looked at, chosen by this seed.
MOST, _SEED = 500, 0

Answers = Callable[[Sequence[np.ndarray]], np.ndarray]

# What a user may have meant: words, and the change of the inputs.
_MEANT: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = (
    ("divided by 255 (--scale 255)", lambda x: x / 255),
    ("multiplied by 255 (leave --scale 255 out)", lambda x: x * 255),
    ("brought to -1..1 (--scale 127.5 --mean 1)", lambda x: x / 127.5 - 1),
    ("brought from 0..1 to -1..1 (--mean 0.5 --std 0.5)", lambda x: 2 * x - 1),
)


def near_chance(decisions: np.ndarray, labels: np.ndarray) -> bool:
    """Whether decisions are right no more often than without any relation to the labels.

    Decisions that do not depend on the labels are right with the probability sum p_c q_c, with
    p_c and q_c the shares of class c among decisions and labels: 1 / classes for balanced labels,
    the share of the most frequent class for a network that always decides for it. An exact
    binomial test at 0.1 % compares with that. Decisions that are all the same are near chance
    where thirty labels or more say otherwise.

    Returns:
        False also where the samples are too few, or the labels of one class only.
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
    """Refuse data on which the CNN is near chance; on up to 500 samples, chosen at random.

    Args:
        score: Says what is decided, and has the labels of all samples.
        samples: One array per input.
        answers: The CNN's first output for samples.
        batch_size: Samples at once.

    Raises:
        DataError: how many decisions are right, the likely cause and the way out.
    """
    if score.task == REGRESSION or score.targets is None:
        return
    rows = _rows(len(score.targets), batch_size)
    chosen, labels = [np.asarray(array)[rows] for array in samples], score.targets[rows]

    def decisions(change: Callable[[np.ndarray], np.ndarray] = lambda x: x) -> np.ndarray:
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
        f"data: the CNN decides {right:.1%} of {len(rows)} samples as their labels say, "
        f"{_by_chance(own, labels):.1%} would be chance{_collapsed(own)}. "
        f"{_cause(others, labels, right)} If the data are right, insist "
        "(--insist, in Python insist=True)"
    )


def _rows(count: int, batch_size: int) -> np.ndarray:
    """Indices of whole batches, as far as there are any: what is compiled knows their size."""
    rows = np.random.default_rng(_SEED).permutation(count)[:MOST]
    whole = len(rows) // batch_size * batch_size
    return rows[:whole] if whole else rows


def _by_chance(decisions: np.ndarray, labels: np.ndarray) -> float:
    """Share of right decisions if they had nothing to do with the labels."""
    classes = np.unique(labels)
    decided, said = ((values[:, None] == classes).mean(axis=0) for values in (decisions, labels))
    return float(decided @ said)


def _upper(count: int, rate: float) -> int:
    """Least number of right decisions that chance reaches with a probability of 0.1 % at most."""
    if not 0 < rate < 1:
        return count + 1 if rate else 1
    hits = np.arange(count + 1)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    logs = (
        factorials[count] - factorials[hits] - factorials[count - hits]
        + hits * math.log(rate) + (count - hits) * math.log1p(-rate)
    )  # fmt: skip
    tails = np.exp(logs)[::-1].cumsum()  # of at least count, count - 1, ... hits
    return int((tails > _LEVEL).sum())


def _collapsed(decisions: np.ndarray) -> str:
    """Words where nearly all samples are decided alike."""
    classes, counts = np.unique(decisions, return_counts=True)
    share, most = counts.max() / len(decisions), int(classes[counts.argmax()])
    if share < 0.9:
        return ""
    what = "undecided (NaN)" if most == UNDECIDED else f"class {most}"
    return f"; {share:.0%} are decided as {what}"


def _cause(others: Sequence[tuple[str, np.ndarray]], labels: np.ndarray, right: float) -> str:
    """The change of the inputs that mends it, or what else it may be."""
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
