"""Models of a user's class whose layers and connections are in the file.

Keras lists the layers of a subclass of ``keras.Model`` that is made from inputs and outputs, and
of every subclass of ``keras.Sequential``. The code of the class is not in the file. Training
steps, losses and metrics do not change the outputs of a stored model; a `call` does, and such a
model is refused where that is known: from the class itself, if the running program has it, or
from the arguments with which the model is called inside another one.
"""

from __future__ import annotations

from collections.abc import Iterator

import keras

from spkeras.keras_files.context import WARNING, Context
from spkeras.keras_files.graph import LayerNode

# Arguments of the calls of a functional or Sequential model.
ARGUMENTS = frozenset({"inputs", "training", "mask"})


def computes_by_code(kind: type) -> bool:
    """Return whether a class of models has a `call` other than those of Keras.

    Args:
        kind: A subclass of `keras.Model`.
    """
    methods = (kind.call, kind.__call__)  # type: ignore[attr-defined]
    return not all(method.__module__.startswith("keras.") for method in methods)


def refuse_own_call(node: LayerNode, context: Context) -> None:
    """Refuse a model of a user's class with a `call` of its own; note the class otherwise.

    Args:
        node: The model.
        context: Collects the refusal or the note.
    """
    kind = _running_class(node)
    if (kind is not None and computes_by_code(kind)) or _other_signature(node, context):
        context.refuse(
            node,
            "is of a class with its own call(), which is code and not in the file. Rebuild it as "
            "a functional model, keras.Model(inputs, outputs), copy the weights, and save again.",
        )
    elif kind is not None:
        context.changed(f"class {node.stored_class} read as the layers that the file lists", node)
    else:
        context.changed(
            f"{WARNING}: class {node.stored_class} read as the layers that the file lists; outputs "
            "differ if the class has its own call(), which the file does not state",
            node,
        )


def _running_class(node: LayerNode) -> type | None:
    """Return the class of the running program that the file names; None if it has none.

    The name is compared with those of existing classes; nothing is imported.
    """
    registered = keras.saving.get_registered_object(node.registered_name or node.stored_class)
    if registered is not None:
        return registered if _is_model(registered) else None
    found = None
    for kind in _subclasses(keras.Model):
        if kind.__name__ == node.stored_class and node.module in (None, kind.__module__):
            found = kind  # the last one, which redefines the others
    return found


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, keras.Model)


def _subclasses(kind: type) -> Iterator[type]:
    each: type
    for each in kind.__subclasses__():
        yield each
        yield from _subclasses(each)


def _other_signature(node: LayerNode, context: Context) -> bool:
    """Return whether a call inside another model shows arguments of another `call`.

    Keras 3 stores the argument `mask` of every `call` that has one.
    """
    for call in node.calls:
        if not isinstance(call, dict):
            if any(set(item[3] or ()) - ARGUMENTS for item in call):
                return True
            continue
        keywords = call.get("kwargs") or {}
        if len(call.get("args") or ()) > 1 or set(keywords) - ARGUMENTS or "mask" not in keywords:
            return True
    return False
