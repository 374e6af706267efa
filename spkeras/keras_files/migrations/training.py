"""Initializers, regularizers and constraints, which act only in training.

They are kept where Keras 3 can create them and dropped where it cannot; no output changes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType

import keras

from spkeras.keras_files.context import Context
from spkeras.keras_files.graph import LayerNode
from spkeras.ops.types import Json

KINDS = {
    "_initializer": keras.initializers,
    "_regularizer": keras.regularizers,
    "_constraint": keras.constraints,
}


def drop_training_objects(node: LayerNode, context: Context) -> None:
    """Keep initializers, regularizers and constraints that Keras 3 has; drop the others."""
    for key in list(node.config):
        value = node.config[key]
        for ending, module in KINDS.items():
            if key.endswith(ending) and value is not None:
                known = _known(value, module)
                if known is not None:
                    node.config[key] = known
                    continue
                del node.config[key]
                context.changed(f"{key} dropped, unknown to Keras 3 (training only)", node)


def _known(value: Json, module: ModuleType) -> Json:
    """Return the object in its Keras 3 form, or None."""
    if isinstance(value, str):
        return value if _makes(lambda: module.get(value)) else None
    if not isinstance(value, dict):
        return None
    maker = getattr(module, str(value.get("class_name")), None)
    config = value.get("config")
    if not inspect.isclass(maker) or not isinstance(config, dict | None):
        return None
    allowed = inspect.signature(maker.__init__).parameters
    config = {key: part for key, part in (config or {}).items() if key in allowed}
    if not _makes(lambda: maker(**config)):
        return None
    return {
        "module": module.__name__.replace("keras.api.", "keras."),
        "class_name": value["class_name"],
        "config": config,
        "registered_name": None,
    }


def _makes(call: Callable[[], object]) -> bool:
    try:
        return call() is not None
    except (TypeError, ValueError, AttributeError):
        return False
