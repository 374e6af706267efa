"""Evaluations and sweeps over several processes and machines, by Ray.

    result = spkeras.cluster.evaluate(snn, x_test, y_test)              # a cluster of this machine
    results = spkeras.cluster.sweep(snn, x_test, y_test, [{"timesteps": 32}, {"timesteps": 64}])

Needs Ray (pip install spkeras[ray]), which is imported when work begins.
"""

from spkeras.cluster.evaluation import evaluate, sweep

__all__ = ["evaluate", "sweep"]
