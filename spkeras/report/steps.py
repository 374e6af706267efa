"""Text on the T that a network was built for, and on the first step with an answer."""

from spkeras.metrics import Evaluation, OutputScore
from spkeras.metrics.evaluation import depends_on_timesteps


def mark(evaluation: Evaluation, step: float) -> str:
    """Return a number of steps for a table, marked where the network was built for it."""
    return f"{step:g} (built for)" if step == evaluation.built_for else f"{step:.6g}"


def first_row(evaluation: Evaluation, score: OutputScore) -> int:
    """Return the index of the first step at which the output has received a spike."""
    return int((evaluation.steps < score.first).sum())


def ran(evaluation: Evaluation) -> str:
    """Return the length of the run: "T = ... steps", or the number of windows."""
    if evaluation.windows:
        return built_for(evaluation)
    return f"T = {evaluation.timesteps} steps"


def built_for(evaluation: Evaluation) -> str:
    """Return "T = ..." of the run, with the T that the network was built for if it differs."""
    built, steps = evaluation.built_for, evaluation.timesteps
    if steps is None or evaluation.windows:
        return f"{evaluation.windows} windows" + ("" if steps is None else f" of T = {steps}")
    return f"T = {steps}" if built in (None, steps) else f"T = {steps} (built for {built})"


def begins(evaluation: Evaluation) -> str:
    """Return where plot and tables begin, and the command that shows another T."""
    sentences = []
    start = max(score.first for score in evaluation.scores)
    if start > 1:
        sentences.append(
            f"The read-out receives its first spikes at step {start}, since each layer starts "
            f"{evaluation.settings.get('stagger')} steps after the one before: figures begin "
            "there."
        )
    built = evaluation.built_for
    if built and built == evaluation.timesteps and depends_on_timesteps(evaluation.settings):
        sentences.append(
            f"The network was built for T = {built}; other rows show the same network after "
            "another number of steps. To see another T, convert for it: spkeras "
            "convert CNN --data DATA --timesteps N."
        )
    return " ".join(sentences)
