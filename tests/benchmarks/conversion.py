"""What a conversion costs, in forward passes of the CNN over the calibration data.

    python tests/benchmarks/conversion.py MODEL [--samples 5000]

The time of a conversion on many samples minus that on 100 is what the calibration pass costs;
the rest (reading, folding, building the network) does not depend on the data. Random data: only
time is looked at. Rounds are interleaved, medians are printed.
"""

import time
from pathlib import Path
from statistics import median

import click


@click.command(help=__doc__)
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--samples", default=5000, show_default=True)
@click.option("--rounds", default=5, show_default=True)
def main(model: Path, samples: int, rounds: int) -> None:
    import numpy as np

    import spkeras

    cnn = spkeras.load_model(model)
    x = np.random.default_rng(0).random((samples, *cnn.input_shape[1:]), dtype="float32")
    cnn.predict(x[:200], batch_size=100, verbose=0)
    forward, fixed, whole = [], [], []
    for _ in range(rounds):
        forward.append(timed(lambda: cnn.predict(x, batch_size=100, verbose=0)))
        fixed.append(timed(lambda: spkeras.convert(cnn, x[:100])))
        whole.append(timed(lambda: spkeras.convert(cnn, x)))
    passes = (median(whole) - median(fixed)) / (median(forward) * (samples - 100) / samples)
    click.echo(
        f"{model.stem}: forward pass {median(forward):.2f} s for {samples} samples, conversion "
        f"{median(fixed):.2f} s + {passes:.2f} forward passes"
    )


def timed(call: object) -> float:
    start = time.perf_counter()
    call()  # type: ignore[operator]
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
