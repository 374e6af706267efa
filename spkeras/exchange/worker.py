"""The child process of the check: `python -m spkeras.exchange.worker FILE INPUTS RESULTS SIMULATOR`.

TensorFlow and the compilers that some simulators load cannot be in one process. INPUTS has an
array (samples, steps, ...) for each input in their order, RESULTS receives counts by node, `output`, or `refused`.
"""

import sys
from pathlib import Path

import numpy as np

from spkeras.exchange.nir_file import nir_package
from spkeras.exchange.simulators import CannotRun, run_file, simulator
from spkeras.files.arrays import write_arrays


def main(file: str, inputs: str, results: str, name: str) -> None:
    """Run the samples and write what comes out."""
    network = nir_package().read(Path(file), type_check=False)
    with np.load(inputs) as stored:
        given = [stored[array] for array in stored.files]
    try:
        samples = zip(*given, strict=True)
        runs = [run_file(network, simulator(name), steps) for steps in samples]
    except CannotRun as problem:
        np.savez(results, refused=str(problem))
        return
    arrays = {f"node:{node}": np.stack([own[node] for own, _ in runs]) for node in runs[0][0]}
    arrays["output"] = np.stack([output for _, output in runs])
    write_arrays(Path(results), arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
