"""Peak memory of one evaluation in a process of its own: python -m tests.memory --help."""

import argparse
import json
import time

import numpy as np

import spkeras
from spkeras.snn.model import build
from tests import networks
from tests.benchmarks.machine import peak


def main():
    """Prints one line of JSON: peak memory before the evaluation and in all, in MiB; seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("dense", "events"), default="events")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--timesteps", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=50)
    options = parser.parse_args()
    cnn = networks.chain()
    snn = build(networks.spiking(cnn), timesteps=options.timesteps)
    x = networks.samples(cnn, options.samples)
    y = np.arange(options.samples) % 5
    before, start = peak(), time.perf_counter()
    found = spkeras.evaluate(
        snn,
        x,
        y,
        engine=options.engine,
        batch_size=options.batch_size,
        early_exit=4,
        insist=True,  # a CNN that is not trained
    )
    assert found.engine == options.engine and found.samples == options.samples
    assert len(found.accuracy) == options.timesteps
    seconds = time.perf_counter() - start
    print(json.dumps({"before": before, "peak": peak(), "seconds": round(seconds, 1)}))


if __name__ == "__main__":
    main()
