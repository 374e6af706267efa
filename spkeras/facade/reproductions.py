"""Measure stored networks beside the figures of the publications that they follow."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import keras
import numpy as np

from spkeras.data import Data, fit_inputs
from spkeras.errors import OptionError
from spkeras.facade.conversion import convert
from spkeras.facade.evaluation import evaluate
from spkeras.facade.loading import load_model
from spkeras.metrics.reproduction import Reproduced
from spkeras.ops.progress import Progress, quiet
from spkeras.ops.sampling import chosen
from spkeras.recipes import Simulation
from spkeras.recipes.claims import PAPERS, Claim, claims_of

# Name of a data set and its part to samples in [0, 1].
Reader = Callable[[str, str], Data]


def reproduce(
    paper: str,
    models: str | Path,
    read: Reader,
    *,
    samples: int | None = None,
    calibration: int = 2000,
    seed: int = 0,
    batch_size: int = 100,
    progress: Progress | None = None,
) -> Iterator[Reproduced]:
    """Yield each figure of a publication beside the one measured here.

    Networks are converted with calibration samples of the training part, and scored on the test
    part, which chose nothing.

    Args:
        paper: Name of its recipe: "ecc", "cq+", "low_latency" or "cat".
        models: Folder of the stored networks, NAME.keras.
        read: Returns samples in [0, 1] with labels, of a data set by name and its part, "train" or
            "test".
        samples: Number of test samples, drawn with seed 0; None for all.
        calibration: Number of training samples that calibrate and train thresholds.
        seed: Seed by which they are drawn.
        batch_size: Samples at once.
        progress: Called with (sample steps done, sample steps in all) of one network.

    Raises:
        OptionError: an unknown publication, or a folder without any of its networks.
        DataError: samples that the networks do not take.
    """
    if paper not in PAPERS:
        raise OptionError(f"paper={paper!r}; allowed: {', '.join(map(repr, PAPERS))}")
    folder, claims = Path(models), claims_of(paper)
    if not any((folder / f"{claim.net}.keras").is_file() for claim in claims):
        names = ", ".join(dict.fromkeys(f"{claim.net}.keras" for claim in claims))
        raise OptionError(f"{folder}: has none of {names}; give --models, the folder of these")
    bench = _Bench(
        folder=folder,
        read=cache(read),
        samples=samples,
        calibration=calibration,
        seed=seed,
        batch_size=batch_size,
    )
    return _rows(claims, bench, progress or quiet)


@dataclass(frozen=True, kw_only=True)
class _Bench:
    """Networks and samples by name.

    Attributes:
        folder: Of the networks.
        read: Reads a part of a data set, once.
        samples, calibration, seed, batch_size: As for `reproduce`.
        accuracies: Those of CNNs that were measured.
    """

    folder: Path
    read: Reader
    samples: int | None
    calibration: int
    seed: int
    batch_size: int
    accuracies: dict[tuple[str, str], float] = field(default_factory=dict)

    def net(self, name: str) -> keras.Model:
        """Return the network of this name."""
        return load_model(self.folder / f"{name}.keras")

    def part(self, data: str, part: str, net: keras.Model) -> tuple[np.ndarray, np.ndarray]:
        """Return samples and labels of a part of a data set, as the network takes them."""
        found = fit_inputs(self.read(data, part), net)
        most, seed = (self.samples, 0) if part == "test" else (self.calibration, self.seed)
        rows = chosen(found.samples, most, seed)
        return found.x[0][rows], np.asarray(found.y)[rows].reshape(-1)

    def accuracy(self, name: str, data: str) -> float:
        """Return the share of right decisions of a CNN on the test samples."""
        if (name, data) not in self.accuracies:
            cnn = self.net(name)
            x, y = self.part(data, "test", cnn)
            found = cnn.predict(x, batch_size=self.batch_size, verbose=0).argmax(-1)
            self.accuracies[name, data] = float((found == y).mean())
        return self.accuracies[name, data]


def _rows(claims: Sequence[Claim], bench: _Bench, progress: Progress) -> Iterator[Reproduced]:
    for claim in claims:
        absent = [
            name
            for name in dict.fromkeys((claim.net, claim.cnn))
            if not (bench.folder / f"{name}.keras").is_file()
        ]
        if absent:
            made = f"; {claim.made_by}" if claim.made_by else ""
            yield Reproduced(claim=claim, missing=f"{absent[0]}.keras is not there{made}")
            continue
        yield _measured(claim, bench, progress)


def _measured(claim: Claim, bench: _Bench, progress: Progress) -> Reproduced:
    net = bench.net(claim.net)
    x, _ = bench.part(claim.data, "train", net)
    recipe = "ttfs" if claim.paper == "cat" else claim.paper
    published = claim.as_published and recipe != "ttfs"
    snn = convert(
        net,
        x,
        recipe,
        timesteps=claim.timesteps,
        simulation=Simulation(schedule=claim.schedule),
        verbose=0,
        **({"published": True} if published else claim.options),
    )
    test, y = bench.part(claim.data, "test", net)
    result = evaluate(snn, test, y, batch_size=bench.batch_size, progress=progress)
    return Reproduced.of(claim, result, bench.accuracy(claim.cnn, claim.data))
