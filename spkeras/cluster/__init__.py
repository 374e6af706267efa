"""Evaluations and sweeps over several processes and machines, with Ray.

    result = spkeras.cluster.evaluate(snn, x_test, y_test)        # a cluster on this machine
    results = spkeras.cluster.sweep(snn, x_test, y_test, [{"timesteps": 32}, {"timesteps": 64}])

Requires Ray (pip install spkeras[ray]), which is imported when an evaluation starts.
"""

from spkeras.cluster.evaluation import evaluate, sweep

__all__ = ["evaluate", "sweep"]
