"""The table of layers in Markdown, for the documentation: each layer is built and inspected.

python -m spkeras.facade.layer_tables > docs/layers.md
"""

import inspect
import textwrap
from collections.abc import Iterable, Iterator

import keras

from spkeras.facade.layer_examples import example, since
from spkeras.frontend.handlers import LAYERS, OPERATORS, passing, refusals
from spkeras.frontend.verdict import APPROXIMATE, DENSE, REFUSED, LayerVerdict, inspect_layers
from spkeras.graph.vocabulary import ACTIVATIONS
from spkeras.ttfs.verdict import inspect_windows

_HEAD = """# Which layers convert

```sh
spkeras inspect model.keras                        # rates: recipe ecc and those of binary spikes
spkeras inspect model.keras --recipe sigma_delta   # values: graded spikes
spkeras inspect model.keras --recipe ttfs          # times: one spike a neuron
```

lists the layers of a model with the same verdicts. [keras.applications](applications.md) shows whole models,
[Quantised networks](quantized.md) layers of QKeras and tfmot, [Extending](extending.md) how to add a layer.

The columns *rates* (recipes `ecc`, `cq`, `cq+`, `low_latency`, `qcfs`) and *values* (`sigma_delta`) show what becomes of
a layer inside a network, and its error. *Times* shows whether recipe `ttfs` takes it in a network of ReLUs.

| word | what runs | error |
|---|---|---|
| exact | linear: spikes pass as their sum | none beyond the rounding of float32 |
| neurons | a layer of neurons | one spike of T, vanishes as T grows |
| values | a layer of neurons on the values received so far | the resolution of a spike, vanishes as T grows |
| signed | a layer of neurons with signed spikes | half a level of its input, also at large T |
| jumps | as values | large next to a jump of the function |
| dense | multiply-accumulates on the values received so far, at each step | as values |
| no | refused by name; `inspect` states the way out | |

A layer with an `activation` also has the row of that function. At the end of a network any function runs once, on
decoded values. *Keras* is the first version whose files load with this layer. Arguments that act only in training
(initializers, regularizers, dropout rates) are left out. Values of options that do not convert (`stateful=True`,
masks, `training=True`, the batch axis) are refused by name."""

_TAIL = """## Operators

Operators between tensors (`a + b`, `x / 255`, `x[:, 1:]`) and these functions of `keras.ops` convert, with constants or
tensors as their operands:

{operators}.

## Layers that do not convert

`inspect` lists them as refused, with the same words.

| layers | reason | way out |
|---|---|---|
{refused}

## How this page is made

    python -m spkeras.facade.layer_tables > docs/layers.md

builds a small network around each layer that has a handler and inspects it, here with Keras {version}. A test compares
the page with the code."""

# Arguments without effect at inference, or that every layer has.
_HIDDEN = frozenset(
    "activity_regularizer args autocast bounding_box_format dropout dtype fill_mode fill_value "
    "flash_attention gptq_unpacked_column_size implementation power_iterations renorm renorm_clipping renorm_momentum stateful weights kwargs lora_alpha lora_rank momentum name noise_shape "
    "quantization_config rate recurrent_dropout seed stddev synchronized trainable unit_forget_bias "
    "unroll use_cudnn zero_output_for_mask".split()
)
_ENDINGS = ("_initializer", "_regularizer", "_constraint")


def page() -> str:
    """Return the page."""
    refused = "\n".join(_refused())
    tail = _TAIL.format(operators=_operators(), refused=refused, version=keras.__version__)
    parts = [_HEAD, *_tables(), tail]
    return "\n\n".join(parts) + "\n"


def _tables() -> Iterator[str]:
    names = sorted({*LAYERS, *passing.WRAPPERS, "TimeDistributed"} & set(dir(keras.layers)))
    idle = [name for name in names if name in passing.LAYERS]
    head = "| layer | options | Keras | rates | values | times |\n|---|---|---|---|---|---|"
    yield "## Layers\n\n" + "\n".join([head, *(_row(n) for n in names if n not in idle)])
    yield (
        "## Layers without effect at inference\n\nThese convert under every recipe, to nothing:\n\n"
        f"{_listed(idle)}."
    )
    head = "| function | rates | values | times |\n|---|---|---|---|"
    functions = sorted(set(ACTIVATIONS) & set(dir(keras.activations)))
    words = {name: list(_verdicts("Activation", name)) for name in functions}
    rows = (f"| `{n}` | {' | '.join(own)} |" for n, own in words.items() if own[1] != "no")
    yield "## Activation functions\n\n" + "\n".join([head, *rows])


def _listed(names: Iterable[str]) -> str:
    """Return names as lines of a list."""
    text = ", ".join(f"`{name}`" for name in sorted(names))
    return textwrap.fill(text, 112, break_long_words=False, break_on_hyphens=False)


def _row(name: str) -> str:
    layer = getattr(keras.layers, name)
    options = ", ".join(f"`{option}`" for option in _options(layer))
    return f"| `{name}` | {options} | {since(name)} | {' | '.join(_verdicts(name))} |"


def _options(layer: type[keras.layers.Layer]) -> Iterator[str]:
    """Yield the arguments of a layer that change what it computes at inference."""
    for name in inspect.signature(layer.__init__).parameters:
        if name not in _HIDDEN | {"self"} and not name.endswith(_ENDINGS):
            yield name


def _verdicts(name: str, activation: str | None = None) -> Iterator[str]:
    """Yield the word of the legend for rates, values and times."""
    model = example(name, activation)
    for code in ("rate", "delta"):
        own = [found for found in inspect_layers(model, code) if found.name.split("/")[0] == "it"]
        yield _word(own[0], code)
    yield _times(model if activation else example(name, "relu"))


def _word(found: LayerVerdict, code: str) -> str:
    if found.verdict == REFUSED:
        return "no"
    if found.verdict == DENSE:
        return "dense"
    if found.verdict == APPROXIMATE:
        return "signed" if code == "rate" else "jumps"
    if "neuron" in found.reason:
        return "neurons" if code == "rate" else "values"
    return "exact"


def _times(model: keras.Model) -> str:
    """Return whether a network converts with recipe `ttfs` where its activations are ReLUs."""
    refused = any(found.verdict == REFUSED for found in inspect_windows(model))
    return "no" if refused else "yes"


def _operators() -> str:
    """Return the functions of `keras.ops` whose operators have handlers, as a list."""
    known = {name.replace("_", ""): name for name in dir(keras.ops) if not name.startswith("__")}
    found = {known[kind.lower()] for kind in OPERATORS if kind.lower() in known}
    return _listed(found)


def _refused() -> Iterator[str]:
    for names, (reason, remedy) in refusals.REFUSED:
        layers = sorted(set(names.split()) & set(dir(keras.layers)))
        if layers:
            listed = ", ".join(f"`{name}`" for name in layers)
            yield f"| {listed} | {reason} | {remedy} |"


if __name__ == "__main__":
    print(page(), end="")
