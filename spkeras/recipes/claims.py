"""Figures that publications state, and how this package is set to be compared with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CLOCK, WINDOWS = "clock_driven", "layer_synchronous"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One published figure, and one network that is to reach it.

    Attributes:
        paper: Name of the recipe.
        data: Data set, a name of `keras.datasets`.
        net: Name of the trained network, a file NAME.keras.
        cnn: Name of the CNN that it was trained from; the same where nothing was trained.
        timesteps: T; None where the recipe fixes it.
        published: Published accuracy in %; None where a publication states none.
        published_cnn: Published accuracy of its CNN in %.
        words: What is published beside figures.
        as_published: Whether all settings are those of the publication.
        schedule: Of the simulation.
        options: Options of the conversion.
        made_by: Command that makes the network from its CNN; "" where the repository has it.
    """

    paper: str
    data: str
    net: str
    cnn: str
    timesteps: int | None
    published: float | None = None
    published_cnn: float | None = None
    words: str = ""
    as_published: bool = False
    schedule: str = CLOCK
    options: Mapping[str, Any] = field(default_factory=dict)
    made_by: str = ""

    @property
    def settings(self) -> str:
        """The settings in words."""
        if self.as_published:
            return "as published"
        return ", ".join(f"{name} {value}" for name, value in self.options.items()) or "defaults"


def _ecc(timesteps: int, **more: Any) -> Claim:
    net = "cifar10_vgg16"
    words = "near zero loss at T = 256" if timesteps == 256 else ""
    return Claim(
        paper="ecc", data="cifar10", net=net, cnn=net, timesteps=timesteps, words=words, **more
    )


def _cq(net: str, timesteps: int, **more: Any) -> Claim:
    cnn = net.removesuffix("_published").removesuffix(f"_t{timesteps}")
    given = {"options": {"thresholds": "trained"}, **more}
    if more.get("as_published"):
        given["options"] = {}
    return Claim(
        paper="cq+", data=net.split("_")[0], net=net, cnn=cnn, timesteps=timesteps, **given
    )


def _low(net: str, timesteps: int, published: float, schedule: str, **more: Any) -> Claim:
    cnn = net.removesuffix("_published").removesuffix(f"_t{timesteps}")
    cnn = "mnist_cnn" if cnn == "mnist" else cnn
    trains = schedule == CLOCK and timesteps > 1
    options = {"thresholds": "trained" if trains else "learned"}
    return Claim(
        paper="low_latency",
        data=net.split("_")[0],
        net=net,
        cnn=cnn,
        timesteps=timesteps,
        published=published,
        schedule=schedule,
        options={} if more.get("as_published") else options,
        **more,
    )


def _cat(data: str, published: float) -> Claim:
    cnn = f"{data}_vgg16"
    return Claim(
        paper="cat",
        data=data,
        net=f"{cnn}_cat",
        cnn=cnn,
        timesteps=None,
        published=published,
        as_published=True,
    )


_FINETUNE = "python models/finetune.py {0} --data {1}.npz -o models/{0}.keras"
_NEAR = "near zero loss below 60 steps"
# Abstracts of the publications (docs/papers.md); the CNN's 95.15 from the authors' notes.
CLAIMS: tuple[Claim, ...] = (
    _ecc(256, as_published=True),
    _ecc(256),
    _ecc(64, as_published=True),
    _ecc(64),
    _cq(
        "cifar10_vgg_star_t600",
        600,
        published=95.06,
        published_cnn=95.15,
        made_by=_FINETUNE.format("cifar10_vgg_star_t600", "cifar10"),
    ),
    _cq("cifar10_vgg_star_t64_published", 64, published=94.09, as_published=True),
    _cq("cifar10_vgg_star_t64", 64, published=94.09),
    _cq("cifar10_resnet20_t60", 60, words=_NEAR),
    _cq("cifar10_mobilenet_v1_t60", 60, words=_NEAR),
    _low("mnist_t1", 1, 98.73, CLOCK),
    _low("cifar10_vgg16_t8_published", 8, 93.71, WINDOWS, as_published=True),
    _low("cifar10_vgg16_t8", 8, 93.71, WINDOWS),
    _low("cifar10_vgg16_t8_published", 8, 93.71, CLOCK, as_published=True),
    _low("cifar10_vgg16_t8", 8, 93.71, CLOCK),
    _low(
        "cifar100_vgg16_t8",
        8,
        76.38,
        WINDOWS,
        made_by=_FINETUNE.format("cifar100_vgg16_t8", "cifar100"),
    ),
    _low(
        "cifar100_vgg16_t8",
        8,
        76.38,
        CLOCK,
        made_by=_FINETUNE.format("cifar100_vgg16_t8", "cifar100"),
    ),
    _cat("cifar10", 91.7),
    _cat("cifar100", 67.9),
)
PAPERS = tuple(dict.fromkeys(claim.paper for claim in CLAIMS))


def claims_of(paper: str) -> tuple[Claim, ...]:
    """Return the claims of a publication, by the name of its recipe."""
    return tuple(claim for claim in CLAIMS if claim.paper == paper)
