"""Labels that are partly the output of the CNN (distillation)."""

import keras
import numpy as np

from spkeras.errors import OptionError
from spkeras.training.augment import Batches


class DistilledBatches(keras.utils.PyDataset):
    """Batches whose labels are (1 - share) times the sample's and `share` times a teacher's.

    The teacher receives each sample after its augmentation. Its probabilities contain the
    similarity of classes, which labels do not: a twin with few levels learns it faster.

    Args:
        batches: Samples with one-hot labels.
        teacher: A model of probabilities, or of logits.
        share: 0 to 1.

    Raises:
        OptionError: a share out of its range, or a teacher without one output per class.

    Reference:
        Hinton, Vinyals & Dean 2015, arXiv:1503.02531, at temperature 1.
    """

    def __init__(self, batches: Batches, teacher: keras.Model, share: float) -> None:
        super().__init__()
        if not 0 < share <= 1:
            raise OptionError(f"distil={share!r}; allowed: from 0 to 1")
        shape = tuple(teacher.outputs[0].shape)
        if len(teacher.outputs) != 1 or shape[1:] != batches.y.shape[1:] or shape[-1] < 2:
            raise OptionError(
                f"distil={share!r} with outputs of shape {shape} and labels of shape "
                f"{batches.y.shape}; allowed: one output with a number for each of several classes"
            )
        self.batches, self.teacher, self.share = batches, teacher, share

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        x, y, *weights = self.batches[index]
        output = np.asarray(self.teacher.predict_on_batch(x), "float32")
        if gives_logits(self.teacher):
            output = np.exp(output - output.max(-1, keepdims=True))
            output /= output.sum(-1, keepdims=True)
        return (x, (1 - self.share) * y + self.share * output, *weights)


def gives_logits(model: keras.Model) -> bool:
    """Return whether a classifier's output is neither softmax nor sigmoid."""
    last: keras.layers.Layer = model.layers[-1]
    function = getattr(getattr(last, "activation", None), "__name__", type(last).__name__)
    return function.lower() not in ("softmax", "sigmoid")
