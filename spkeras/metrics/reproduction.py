"""Published figures beside those that this package measures."""

from dataclasses import asdict, dataclass
from typing import Any

from spkeras.metrics.evaluation import Evaluation, plain
from spkeras.recipes.claims import Claim


@dataclass(frozen=True, kw_only=True)
class Reproduced:
    """One published figure beside ours; accuracies in %.

    Attributes:
        claim: What is published, and the network.
        samples: Number of test samples.
        cnn: Accuracy of the CNN, before any training for spikes.
        trained: Accuracy of the network that was converted; the CNN's own where it was not trained.
        accuracy: Accuracy of the spiking network.
        low: Lower end of its exact 95 % confidence interval.
        high: Upper end.
        latency: Steps until the output is final.
        operations: Additions at synapses over the CNN's multiply-accumulates.
        missing: Why it was not measured; "" where it was.
    """

    claim: Claim
    samples: int = 0
    cnn: float | None = None
    trained: float | None = None
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    latency: float | None = None
    operations: float | None = None
    missing: str = ""

    @property
    def loss(self) -> float | None:
        """Points lost against the CNN."""
        return None if self.cnn is None or self.accuracy is None else self.cnn - self.accuracy

    @property
    def difference(self) -> float | None:
        """Points above the published figure."""
        known = self.claim.published
        return None if known is None or self.accuracy is None else self.accuracy - known

    @classmethod
    def of(cls, claim: Claim, result: Evaluation, cnn: float) -> "Reproduced":
        """Return the figures of an evaluation.

        Args:
            claim: What is published.
            result: Of the spiking network.
            cnn: Share of right decisions of the CNN on the same samples.
        """
        score, activity = result.scores[0], result.activity
        low, high = result.interval()
        trained, accuracy = score.cnn_accuracy, score.accuracy
        return cls(
            claim=claim,
            samples=result.samples,
            cnn=100 * cnn,
            trained=None if trained is None else 100 * trained,
            accuracy=None if accuracy is None else 100 * float(accuracy[-1]),
            low=None if low is None else 100 * low,
            high=None if high is None else 100 * high,
            latency=result.latency,
            operations=activity.synaptic_operations / (activity.cnn_macs or 1),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        record = {**asdict(self.claim), "settings": self.claim.settings, **asdict(self)}
        record.pop("claim")
        more = {"loss": self.loss, "difference": self.difference}
        return {name: plain(value) for name, value in {**record, **more}.items()}
