"""The verdict of a study in a few sentences."""

from spkeras.metrics.sweep import SweepPoint
from spkeras.metrics.tasks import SEVERAL
from spkeras.report.numbers import microjoules, percent, ratio, small
from spkeras.report.study import Study

# Parts of the error of a layer, with what makes each smaller.
_REMEDIES = {
    "clipping": "values beyond the largest spike rate; larger thresholds or a higher percentile help",
    "quantization": "T steps have few levels; more time steps or graded spikes help",
    "unevenness": "spikes come too early or too late; more time steps or a stagger help",
}
# Losses in points of accuracy that count as none, and as small.
_NONE, _SMALL = 0.3, 1.5


def verdict(study: Study) -> list[str]:
    """Return whether the conversion keeps what the CNN can, and at what cost."""
    return [text for text in (_kept(study), _cost(study), _other(study), _worst(study)) if text]


def _kept(study: Study) -> str:
    evaluation = study.evaluation
    steps = evaluation.timesteps
    after = "" if steps is None or evaluation.windows else f" at T = {steps}"
    name = "CNN" if evaluation.reference == "CNN" else evaluation.reference
    if evaluation.accuracy is not None and evaluation.cnn_accuracy is not None:
        own, cnn = float(evaluation.accuracy[-1]), evaluation.cnn_accuracy
        lost = 100 * (cnn - own)
        words = "Keeps" if lost <= _NONE else "Nearly keeps" if lost <= _SMALL else "Loses part of"
        return f"{words} the {name}'s accuracy: {percent(own)} of {percent(cnn)}{after}."
    if evaluation.agreement is not None:
        share = percent(float(evaluation.agreement[-1]))
        several = evaluation.scores[0].task in SEVERAL
        return (
            f"Decides {share} of the {'decisions' if several else 'samples'} as the {name}{after}."
        )
    deviation = float(evaluation.scores[0].deviation[-1])
    return f"Differs from the {name} by {small(deviation)} (rms){after}."


def _cost(study: Study) -> str:
    energy = study.energy
    if energy.ratio is None:
        return ""
    return (
        f"It takes {microjoules(energy.snn.total)} uJ a sample where the CNN takes "
        f"{microjoules(energy.cnn.total)} uJ, {ratio(energy.ratio)} times as much (estimated with "
        f"{energy.table})."
    )


def _other(study: Study) -> str:
    """Return where the network stands among those of the sweep, and the best one of them."""
    if study.sweep is None or len(study.sweep.points) < 2:
        return ""
    sweep, best = study.sweep, study.sweep.pareto().points[-1]
    own = sweep.recommended()
    shares = sweep.measure in ("accuracy", "agreement")
    total = f"Of {len(sweep.points)} networks compared"
    if own is best:
        return (
            f"{total}, no other one is better, and none as good takes less energy ({_named(own)})."
        )
    quality = float(getattr(best, sweep.measure))
    shown = percent(quality) if shares else small(quality)
    near = "half a point of the CNN" if shares else "5 % of the least error"
    return (
        f"{total}, it is the cheapest within {near} ({_named(own)}); the best one is "
        f"{_named(best)}, with {shown} for {microjoules(best.energy)} uJ."
    )


def _named(point: SweepPoint) -> str:
    return point.network + ("" if point.timesteps is None else f", T = {point.timesteps}")


def _worst(study: Study) -> str:
    if study.verification is None or not study.verification.neurons:
        return ""
    worst = max(study.verification.neurons, key=lambda check: check.error)
    cause = max(_REMEDIES, key=lambda name: float(getattr(worst, name)))
    return (
        f"The layer with the largest error is {worst.name}, mostly by {cause}: {_REMEDIES[cause]}."
    )
