"""What a network and its CNN answered to each sample: decisions, confusion, changed decisions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spkeras.errors import OptionError
from spkeras.metrics.score import Score, same
from spkeras.metrics.tasks import BINARY, CLASSIFICATION, UNDECIDED
from spkeras.ops.arrays import Float32Array, Float64Array, Int64Array


@dataclass(frozen=True, eq=False)
class Answers:
    """One output for each sample, after the last step.

    Attributes:
        name: Name of the output.
        task: "classification", "binary classification" or "regression".
        outputs: Of the spiking network, (samples, *shape); logits where the CNN ends in softmax.
        cnn: Of the CNN, of the same form.
        decisions: Classes that the spiking network decides, (samples,); None where a sample has
            no class of its own. -1 is no class.
        cnn_decisions: Those of the CNN.
        targets: Labels (samples,) or values; None without.
        weights: Weights of the samples, (samples,); None where each counts once.
    """

    name: str
    task: str
    outputs: Float32Array
    cnn: Float32Array
    decisions: Int64Array | None
    cnn_decisions: Int64Array | None
    targets: np.ndarray | None
    weights: Float64Array | None = None

    @classmethod
    def of(cls, score: Score, outputs: np.ndarray, cnn: np.ndarray) -> "Answers":
        """Return the answers of a batch.

        Args:
            score: With the batch's targets.
            outputs: Of the network.
            cnn: Of the CNN.
        """
        classes = score.task in (BINARY, CLASSIFICATION)
        return cls(
            name=score.name,
            task=score.task,
            outputs=np.array(outputs, np.float32),
            cnn=np.array(cnn, np.float32),
            decisions=score.decide(outputs) if classes else None,
            cnn_decisions=score.decide(cnn) if classes else None,
            targets=score.targets,
            weights=score.weights,
        )


def joined(parts: Sequence[Answers]) -> Answers:
    """Return the answers of several batches as one."""
    first = parts[0]
    names = ("outputs", "cnn", "decisions", "cnn_decisions", "targets", "weights")
    whole: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in names
        if getattr(first, name) is not None
    }
    return replace(first, **whole)


@dataclass(frozen=True)
class Changed:
    """A sample that the spiking network and the CNN decide differently.

    Attributes:
        sample: Its index.
        label: Its label; None without labels.
        cnn: The CNN's class.
        snn: The spiking network's class; -1 for none.
        cnn_margin: Lead of the CNN's class over the network's, in the CNN's output.
        snn_margin: Lead of the network's class over the CNN's, in the network's output.
    """

    sample: int
    label: int | None
    cnn: int
    snn: int
    cnn_margin: float
    snn_margin: float


def changed(answers: Answers) -> tuple[Changed, ...]:
    """Return the samples that changed class, those of the CNN's largest margin first.

    Raises:
        OptionError: the output is of a regression.
    """
    ours, theirs = _decided(answers)
    places = np.flatnonzero(~same(ours, theirs))
    found = [
        Changed(
            sample=int(place),
            label=None if answers.targets is None else int(answers.targets[place]),
            cnn=int(theirs[place]),
            snn=int(ours[place]),
            cnn_margin=_lead(answers.cnn[place], int(theirs[place]), int(ours[place])),
            snn_margin=_lead(answers.outputs[place], int(ours[place]), int(theirs[place])),
        )
        for place in places
    ]
    return tuple(sorted(found, key=lambda entry: -entry.cnn_margin))


def _lead(output: Float32Array, ahead: int, behind: int) -> float:
    """Return by how much one class leads another; for one output its distance from 0."""
    if len(output) == 1:
        return float(abs(output[0]))
    if UNDECIDED in (ahead, behind):
        return 0.0
    return float(output[ahead] - output[behind])


def confusion(answers: Answers, of_cnn: bool = False) -> Int64Array:
    """Return how often each label (row) is decided as each class (column); weights play no part.

    Args:
        answers: With labels.
        of_cnn: Of the CNN instead of the spiking network.

    Returns:
        (classes, classes); samples without a decision are in no column.

    Raises:
        OptionError: the output is of a regression, or there are no labels.
    """
    ours, theirs = _decided(answers)
    if answers.targets is None:
        raise OptionError("confusion: the samples have no labels; give them to evaluate")
    decisions = theirs if of_cnn else ours
    classes = 2 if answers.task == BINARY else answers.outputs.shape[1]
    matrix = np.zeros((classes, classes), np.int64)
    decided = decisions != UNDECIDED
    np.add.at(matrix, (answers.targets[decided], decisions[decided]), 1)
    return matrix


def top(answers: Answers, count: int, of_cnn: bool = False) -> float:
    """Return the share of samples, by weight, whose label is among the `count` largest outputs.

    Raises:
        OptionError: no classification with labels, or as many classes.
    """
    outputs = answers.cnn if of_cnn else answers.outputs
    if answers.task != CLASSIFICATION or answers.targets is None or count >= outputs.shape[1]:
        raise OptionError(
            f"top{count}: needs labels and an output of more than {count} classes; the output "
            f"{answers.name} is a {answers.task} of {outputs.shape[1:]}"
        )
    own = np.take_along_axis(outputs, answers.targets[:, None], axis=1)
    return float(np.average((outputs > own).sum(1) < count, weights=answers.weights))


def _decided(answers: Answers) -> tuple[Int64Array, Int64Array]:
    if answers.decisions is None or answers.cnn_decisions is None:
        raise OptionError(
            f"{answers.name}: is a {answers.task}, which decides no class of a sample"
        )
    return answers.decisions, answers.cnn_decisions
