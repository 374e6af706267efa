"""Migrations that turn a stored configuration into one of Keras 3, in their order.

Each function handles one cause. It receives every layer of the tree in turn, outer ones first,
changes the node in place and reports to the context. No function creates a Keras object.
"""

from __future__ import annotations

from collections.abc import Callable

from spkeras.keras_files.context import Context
from spkeras.keras_files.graph import LayerNode
from spkeras.keras_files.lambdas import refuse_code, replace_named
from spkeras.keras_files.migrations.activations import (
    keep_bilinear,
    keep_hard_sigmoid,
    name_activations,
)
from spkeras.keras_files.migrations.arguments import drop_unknown_arguments
from spkeras.keras_files.migrations.keras1 import rename_arguments, rename_class
from spkeras.keras_files.migrations.merge import merge_first, split_merge
from spkeras.keras_files.migrations.removed import (
    keep_gru_order,
    keep_locally_connected,
    refuse_removed,
    refuse_several_outputs,
    replace_cudnn,
    replace_thresholded_relu,
    settle_batch_normalization,
    settle_random_sizes,
)
from spkeras.keras_files.migrations.tensor_ops import map_tensor_ops
from spkeras.keras_files.migrations.theano import pad_like_theano
from spkeras.keras_files.migrations.training import drop_training_objects
from spkeras.keras_files.migrations.values import (
    keep_channel_bias,
    name_data_format,
    plain_numbers,
    plain_policy,
)
from spkeras.keras_files.migrations.wiring import (
    clean_names,
    count_calls_from_zero,
    drop_call_defaults,
    state_input_shape,
)
from spkeras.keras_files.schema import inside

MIGRATIONS: tuple[Callable[[LayerNode, Context], None], ...] = (
    replace_named,
    plain_numbers,
    merge_first,
    rename_class,
    rename_arguments,
    split_merge,
    refuse_code,
    refuse_removed,
    refuse_several_outputs,
    map_tensor_ops,
    replace_thresholded_relu,
    replace_cudnn,
    settle_batch_normalization,
    settle_random_sizes,
    keep_gru_order,
    keep_locally_connected,
    plain_policy,
    name_data_format,
    pad_like_theano,
    name_activations,
    keep_hard_sigmoid,
    keep_bilinear,
    drop_training_objects,
    count_calls_from_zero,
    drop_call_defaults,
    state_input_shape,
    clean_names,
    drop_unknown_arguments,
    keep_channel_bias,
)


def migrate(root: LayerNode, context: Context) -> None:
    """Apply every migration to every layer.

    Args:
        root: Tree of the stored model; changed in place.
        context: Facts about the file; collects changes and refusals.
    """
    for migration in MIGRATIONS:
        for node in list(root.walk()):
            with inside(f"layer {node.label}"):
                migration(node, context)
