"""The training loop: PyTorch in bfloat16 with channels last, checkpoints, averaged weights."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .recipe import Recipe
from .samples import Batches, Images, Labels, Pair, scaled
from .torch_graph import Norm, TorchGraph


class Training:
    """One training of a graph, which goes on from its checkpoint after a stop at any moment.

    All that is random follows from the seed and the number of the update, so that weights after
    a stop equal those of an uninterrupted run, bit for bit, with the same number of threads.
    """

    def __init__(
        self, graph: TorchGraph, recipe: Recipe, train: Pair, bfloat16: bool = True
    ) -> None:
        self.graph, self.recipe, self.bfloat16 = graph, recipe, bfloat16
        self.batches = Batches(*train, recipe)
        self.updates = round(recipe.epochs * len(self.batches))
        self.done, self.seconds = 0, 0.0
        self.optimizer = self._optimizer()
        self.average = self._state()

    def _optimizer(self) -> torch.optim.SGD:
        biases = [m.bias for m in self.graph.modules() if isinstance(m, Norm)]
        fast = {id(bias) for bias in biases}
        others = [p for p in self.graph.parameters() if p.requires_grad and id(p) not in fast]
        faster = self.recipe.bias_rate
        return torch.optim.SGD(
            [
                {"params": others, "times": 1.0, "weight_decay": self.recipe.decay},
                # Decay multiplies the rate: both groups lose the same share in one update.
                {"params": biases, "times": faster, "weight_decay": self.recipe.decay / faster},
            ],
            lr=0.1,
            momentum=self.recipe.momentum,
            nesterov=self.recipe.momentum > 0,
        )

    def _state(self) -> dict[str, Tensor]:
        state = self.graph.state_dict()
        return {name: v.clone() for name, v in state.items() if v.is_floating_point()}

    def run(
        self,
        checkpoint: Path | None = None,
        every: float = 120.0,
        on_epoch: Callable[[dict[str, float]], None] | None = None,
        stop_after: int | None = None,
    ) -> None:
        """Train to the last update, or to `stop_after`, with a checkpoint every `every` seconds."""
        if checkpoint and checkpoint.exists():
            self._resume(checkpoint)
        self.graph.train()
        last, written = min(self.updates, stop_after or self.updates), time.monotonic()
        before, loss_sum, hits, seen = time.monotonic(), 0.0, 0, 0
        while self.done < last:
            x, y = self.batches.batch(*divmod(self.done, len(self.batches)))
            loss, right = self._update(x, y)
            loss_sum, hits, seen = loss_sum + loss, hits + right, seen + len(y)
            self.seconds, before = self.seconds + time.monotonic() - before, time.monotonic()
            if on_epoch and (self.done % len(self.batches) == 0 or self.done == self.updates):
                report = {"loss": loss_sum / seen, "accuracy": hits / seen}
                on_epoch({**self.progress(), **report})
                loss_sum, hits, seen, before = 0.0, 0, 0, time.monotonic()
                self.graph.train()
            if checkpoint and time.monotonic() - written > every:
                self._write(checkpoint)
                written = before = time.monotonic()
        if checkpoint:
            self._write(checkpoint)

    def _update(self, x: Images, y: Labels) -> tuple[float, int]:
        recipe, progress = self.recipe, self.done / self.updates
        torch.manual_seed(recipe.seed * 1_000_003 + self.done)
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate_at(progress) * group["times"]
        self.optimizer.zero_grad()
        loss_sum, hits = 0.0, 0
        for low in range(0, len(y), recipe.part):
            images = as_input(x[low : low + recipe.part])
            labels = torch.tensor(y[low : low + recipe.part], dtype=torch.int64)
            with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
                logits = self.graph(images)
            logits = logits.float()
            loss = F.cross_entropy(
                logits, labels, label_smoothing=recipe.smoothing, reduction="sum"
            )
            (loss / len(y)).backward()
            loss_sum += float(loss.detach())
            hits += int((logits.argmax(1) == labels).sum())
        self.optimizer.step()
        self.done += 1
        if recipe.average and (self.done % recipe.average == 0 or self.done == self.updates):
            self._average(progress)
        return loss_sum, hits

    def _average(self, progress: float) -> None:
        """Move the average towards the weights and go on from it (Zhang et al. 2019)."""
        kept = self.recipe.kept_at(progress) if self.done < self.updates else 1.0
        state = self.graph.state_dict()
        for name, average in self.average.items():
            average.lerp_(state[name], 1 - kept)
            state[name].copy_(average)

    def progress(self) -> dict[str, float]:
        """Return the epoch, the rate, seconds so far and seconds left."""
        left = self.seconds / max(self.done, 1) * (self.updates - self.done)
        return {
            "epoch": self.done / len(self.batches),
            "rate": self.recipe.rate_at(self.done / self.updates),
            "seconds": self.seconds,
            "seconds_left": left,
        }

    def _write(self, path: Path) -> None:
        content = {
            "recipe": asdict(self.recipe),
            "bfloat16": self.bfloat16,
            "done": self.done,
            "seconds": self.seconds,
            "weights": self.graph.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
        }
        partial = path.with_name(path.name + ".partial")
        with partial.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)

    def _resume(self, path: Path) -> None:
        content = torch.load(path, weights_only=True)
        if content["recipe"] != asdict(self.recipe) or content["bfloat16"] != self.bfloat16:
            raise ValueError(
                f"{path}: was written with another recipe, {content['recipe']}. "
                "Give the same settings, or delete the file to start anew."
            )
        self.done, self.seconds = content["done"], content["seconds"]
        self.graph.load_state_dict(content["weights"])
        self.average = content["average"]
        self.optimizer.load_state_dict(content["optimizer"])


def as_input(x: Images) -> Tensor:
    """Return images as float32 in [0, 1], channels first in shape and last in memory."""
    return torch.from_numpy(scaled(x)).permute(0, 3, 1, 2)


def accuracy(graph: nn.Module, pair: Pair, batch: int = 250) -> float:
    """Return the share of correct decisions in float32."""
    graph.eval()
    x, y = pair
    hits = 0
    for low in range(0, len(y), batch):
        with torch.no_grad():
            decisions = graph(as_input(x[low : low + batch])).argmax(1).numpy()
        hits += int(np.sum(decisions == y[low : low + batch]))
    return hits / len(y)
