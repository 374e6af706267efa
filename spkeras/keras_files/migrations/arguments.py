"""Constructor arguments that Keras 3 does not take."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import keras

from spkeras.keras_files.context import Context
from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.lambdas import or_replace
from spkeras.keras_files.trust import is_own

# Arguments that cannot change an output once the weights are loaded: they control how a layer
# is computed, trained, initialized or checked.
INERT = frozenset(
    {
        *("activity_regularizer", "adjustment", "autocast", "batch_input_shape", "batch_shape"),
        *("beta_constraint", "build_input_shape", "consume_less", "dropout_W", "dtype"),
        *("experimental_run_tf_function", "force_generator", "fused", "gamma_constraint"),
        *("implementation", "input_dim", "input_dtype", "input_length", "input_shape"),
        *("input_spec", "kernel_constraint", "kernel_initializer", "kernel_regularizer"),
        *("key_shape", "lora_alpha", "lora_rank", "moving_mean_constraint", "noise_shape"),
        *("optional", "quantization_config", "query_shape", "ragged", "recurrent_constraint"),
        *("renorm_clipping", "renorm_momentum", "rng_type", "seed", "sparse", "stateful"),
        *("synchronized", "trainable", "unit_forget_bias", "unroll", "use_legacy_config"),
        *("value_shape", "virtual_batch_size"),
    }
)
# Values at which an argument has no effect; old files always store them.
MEANINGLESS: dict[str, tuple[Any, ...]] = {
    "groups": (1,),
    "time_major": (False,),
    "rank": (1, 2, 3),
    "zero_output_for_mask": (False,),
    "renorm": (True, False),
    "causal": (False,),
    "reset_after": (False,),
    "score_mode": ("dot",),
    "output_padding": (None,),
    "dilation_rate": (1, [1], [1, 1], [1, 1, 1]),
    "data_format": ("channels_last",),
    "keepdims": (False,),
    "negative_slope": (0.0,),
    "threshold": (0.0,),
    "return_runtime": (False,),
    "crop_to_aspect_ratio": (False,),
}
EMPTY: tuple[Any, ...] = (None, False, "", [], {})


def drop_unknown_arguments(node: LayerNode, context: Context) -> None:
    """Drop arguments that Keras 3 does not take and that change no output.

    Other unknown arguments are refused with the names of layer and argument.
    """
    if is_own(node):
        node.config.pop("batch_input_shape", None)
        return
    if node.layers is not None or node.operator:
        return
    allowed = accepted_arguments(node.class_name)
    if allowed is None:
        context.refuse(
            node,
            f"Keras {keras.__version__} has no layer '{node.class_name}'. It may be a "
            "custom class or one that was removed; use a layer of Keras, or register the class, "
            f"which keeps its weights (spkeras.register_layer; on the command line in a file given by --plugin){or_replace(node, context)}.",
        )
        return
    for key in [key for key in node.config if key not in allowed and key != "name"]:
        value = node.config[key]
        if value in EMPTY or key in INERT or value in MEANINGLESS.get(key, ()):
            del node.config[key]
            if value not in EMPTY and key not in {"batch_input_shape", "trainable"}:
                context.changed(f"argument '{key}' dropped, unknown to Keras 3", node)
        else:
            context.refuse(
                node,
                f"its argument {key}={value!r:.60} is unknown to Keras "
                f"{keras.__version__}, and leaving it out could change the outputs.",
            )


@functools.cache
def accepted_arguments(class_name: str) -> frozenset[str] | None:
    """Return the constructor arguments of a layer class of Keras; None if there is none.

    Args:
        class_name: Name in `keras.layers`.
    """
    layer = getattr(keras.layers, class_name, None)
    if not inspect.isclass(layer) or not issubclass(layer, keras.layers.Layer):
        return None
    names: set[str] = set()
    for base in layer.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
        names |= {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return frozenset(names - {"self"}) | _keyword_extras(class_name)


def _keyword_extras(class_name: str) -> frozenset[str]:
    """Return the arguments that a class reads from its ``**kwargs``."""
    if class_name == "LeakyReLU":
        return frozenset({"alpha"})
    return frozenset()
