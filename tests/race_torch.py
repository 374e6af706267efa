"""Runs stages with a peer's neurons; in a process of its own, since TensorFlow must not be in it.

    python -m tests.race_torch PEER CASE.pkl

The case has stages, the unit of the input, T, images, and the logits and counts expected.
"""

import pickle
import sys

import numpy as np
import torch

from tests.benchmarks import peers
from tests.benchmarks.torch_network import Mode


def main() -> None:
    """Compare each mode that needs no compiler."""
    peer = sys.argv[1]
    with open(sys.argv[2], "rb") as file:
        stages, unit, timesteps, x, logits, counts = pickle.load(file)
    images = list(torch.tensor(x.transpose(0, 3, 1, 2).copy()).split(2))
    problem = peers.Problem(stages, unit, timesteps, images)
    kind = peers.PEERS[peer]
    for neuron in kind.neurons:
        for steps in (1,) if kind.axis is None else (1, 3, timesteps):
            for channels_last in (False, True):
                mode = Mode(neuron, steps, 2, channels_last)
                means, found = peers.counted(problem.network(peer, mode), images)
                assert np.array_equal(found, counts), f"{mode}: {(found != counts).sum()} counts"
                np.testing.assert_allclose(means, logits, rtol=1e-5, atol=1e-5)


if __name__ == "__main__":
    main()
