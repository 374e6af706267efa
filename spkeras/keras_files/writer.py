"""The program that wrote a file: version, backend, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping

from spkeras.keras_files.container import StoredModel
from spkeras.keras_files.context import KERAS_2, KERAS_3, Context, parse_version
from spkeras.keras_files.migrations.keras1 import is_keras1, stated_orders
from spkeras.keras_files.stores import LayerWeights


def context_of(stored: StoredModel, replace: Mapping[str, str]) -> Context:
    """Return the facts about a file; version and backend are determined where it states none.

    Args:
        stored: Contents of the file, with a configuration.
        replace: Replacement per layer name.
    """
    version, tag = parse_version(stored.version)
    if not version:
        version = (1,) if is_keras1(stored.config) else (2,)
        if "'batch_shape'" in str(stored.config):  # a keyword of Keras 3 only
            version = KERAS_3
    context = Context(version, tag, stored.backend, dict(replace))
    if version < KERAS_2 and stated_orders(stored.config) == {"th"}:
        context.silent_format = "channels_first"
    context.holds = stored.weights.holds
    if isinstance(stored.weights, LayerWeights):
        context.shapes = stored.weights.shapes
        if version < KERAS_2 and not stored.backend:
            context.backend = stored.weights.backend_of_keras_1
    return context


def writer_of(stored: StoredModel, context: Context) -> str:
    """Return the program that wrote a file, as messages show it.

    Args:
        stored: Contents of the file.
        context: Facts about the file.
    """
    if stored.version:
        product = "tf_keras" if (2, 16) <= context.version < KERAS_3 else "Keras"
        return f"{product} {stored.version}, {stored.kind}"
    return f"Keras {context.version[0]}.x, {stored.kind}"
