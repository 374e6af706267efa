"""First weights of a training: random ones, identities, and filters of whitened patches."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from .recipe import Recipe
from .samples import Images, scaled
from .torch_graph import Convolution, Linear, TorchGraph


def start(graph: TorchGraph, recipe: Recipe, x: Images) -> None:
    """Draw the weights of all convolutions and dense layers, as PyTorch does by default."""
    torch.manual_seed(recipe.seed)
    first = True
    for _, module in graph.weighted:
        if not isinstance(module, Convolution | Linear):
            continue
        nn.init.kaiming_uniform_(module.weight, a=math.sqrt(5))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
        if isinstance(module, Convolution) and not module.depthwise:
            if recipe.whitening and first:
                _whiten(module.weight, x)
            elif recipe.identity:
                nn.init.dirac_(module.weight.data[: module.weight.shape[1]])
        first = False


def _whiten(weight: Tensor, x: Images, samples: int = 5000) -> None:
    """Set the first filters to the principal patches of the images, of unit variance, and -these.

    A ReLU keeps one sign of a filter, so that each patch occurs with both.
    """
    filters, channels, high, wide = weight.shape
    images = scaled(x[:samples])
    patches = np.lib.stride_tricks.sliding_window_view(images, (high, wide), axis=(1, 2))
    patches = patches[:, ::high, ::wide].reshape(-1, channels * high * wide).astype("float64")
    values, vectors = np.linalg.eigh(np.cov(patches, rowvar=False))
    white = (vectors / np.sqrt(values + 5e-4)).T[::-1]
    both = np.concatenate([white, -white])[:filters].reshape(-1, channels, high, wide)
    weight.data[: len(both)] = torch.tensor(both.copy(), dtype=torch.float32)
