"""Stand-ins for layers that cannot be read, so that the rest of their model can be examined."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from spkeras.errors import UnsupportedLayerError
from spkeras.keras_files.assign import assign_weights
from spkeras.keras_files.context import KERAS_FAILURES, Context
from spkeras.keras_files.emit import emit
from spkeras.keras_files.graph import Call, LayerNode
from spkeras.keras_files.references import references
from spkeras.keras_files.stores import StoredWeights


@keras.saving.register_keras_serializable(package="spkeras")
class StandIn(keras.layers.Layer):
    """Layer without a computation, in a model that is examined and never run.

    Args:
        problem: Why the layer cannot be read; empty if it follows one that cannot.
        kind: Class of the layer, after the migrations.
        inner: Class of the layer that it wraps, if any.
        outputs: Number of its outputs.
        sizes: Output shape without the batch axis; None for that of the first input, which is a
            guess.
    """

    def __init__(
        self,
        problem: str = "",
        kind: str = "",
        inner: str = "",
        outputs: int = 1,
        sizes: list[int | None] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.problem, self.kind, self.inner = problem, kind, inner
        self.outputs, self.sizes = outputs, sizes

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse to run."""
        raise UnsupportedLayerError([self.problem or f"layer '{self.name}' ({self.kind})"])

    def load_own_variables(self, store: Any) -> None:
        """Leave out the weights of the layer that cannot be read."""

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return outputs of a guessed shape."""
        given = keras.tree.flatten((args, kwargs))
        first = next(tensor for tensor in given if isinstance(tensor, keras.KerasTensor))
        shape = first.shape if self.sizes is None else (first.shape[0], *self.sizes)
        made = [keras.KerasTensor(shape, "float32") for _ in range(self.outputs)]
        return made if len(made) > 1 else made[0]


def build_partly(root: LayerNode, weights: StoredWeights, context: Context) -> keras.Model:
    """Build a model with stand-ins for the refused layers, to look for more problems.

    Args:
        root: The migrated tree; changed in place.
        weights: The stored arrays, which tell whether the guessed shapes are right. If they are
            not, the layers that follow become stand-ins, too.
        context: Facts about the file, with the refusals.

    Raises:
        UnsupportedLayerError: the refusals, if not even the connections can be built.
    """
    context.separate = False  # stand-ins have no weights
    parts = root.layers or ()  # of a model that is refused as a whole, the layers are examined
    replaced = [pair for part in parts for pair in _refused(part, context)]
    for node, problem in replaced:
        _become_stand_in(node, problem, root)
    plain = [
        node for node in _leaves(root) if node.class_name not in (StandIn.__name__, "InputLayer")
    ]
    order = {id(node): place for place, node in enumerate(root.walk())}
    first = min((order[id(node)] for node, _ in replaced), default=0)
    for more in ([], [node for node in plain if order[id(node)] > first], plain):
        for node in more:
            if node.class_name != StandIn.__name__:
                _become_stand_in(node, "", root)
        try:
            model = keras.saving.deserialize_keras_object(emit(root), safe_mode=True)
            assign_weights(model, root, weights, context)
        except KERAS_FAILURES:
            continue
        if model.built:
            return model
    raise UnsupportedLayerError(context.problems)


def _refused(root: LayerNode, context: Context) -> Iterator[tuple[LayerNode, str]]:
    """Yield the outermost nodes that cannot be built, each with its problem."""
    problem = context.problem_of(root)
    model = root.wrapped if root.class_name == "TimeDistributed" else None
    if model is not None and model.layers is not None and not problem:
        yield from _refused(model, context)
        return
    if root.wrapped is not None:
        inner = (context.problem_of(node) for node in root.wrapped.walk())
        problem = problem or next(filter(None, inner), "")
    if problem:
        yield root, problem
        return
    for child in root.layers or ():
        yield from _refused(child, context)


def _leaves(root: LayerNode) -> Iterator[LayerNode]:
    model = root.wrapped if root.class_name == "TimeDistributed" else None
    inside = root.layers if model is None else model.layers
    if inside is None:
        yield root
    for child in inside or ():
        yield from _leaves(child)


def _become_stand_in(node: LayerNode, problem: str, root: LayerNode) -> None:
    """Turn a node into a stand-in under the same name and calls."""
    indexes = [index for name, _, index in _readings(root) if name == node.name]
    sizes = node.config.get("output_shape") if node.stored_class == "Lambda" else None
    is_shape = isinstance(sizes, list) and all(isinstance(n, int | None) for n in sizes)
    node.config = {
        "problem": problem,
        "kind": node.class_name,
        "inner": "" if node.wrapped is None else node.wrapped.class_name,
        "outputs": max(indexes, default=0) + 1,
        "sizes": sizes if is_shape else None,
    }
    node.calls = [_tensors_only(call) for call in node.calls]
    node.layers, node.wrapped = None, None
    node.class_name, node.module = StandIn.__name__, StandIn.__module__
    node.registered_name = f"spkeras>{StandIn.__name__}"
    node.operator = node.subclassed = False


def _tensors_only(call: Call) -> list[Any]:
    """Return a call with its tensors only, without masks: a layer takes no numbers by position."""
    if isinstance(call, dict):
        named = {key: value for key, value in call.get("kwargs", {}).items() if key != "mask"}
        return [[*reference, {}] for reference in references([call["args"], named])]
    others = [{k: v for k, v in item[3].items() if k != "mask"} for item in call]
    return [[*reference, {}] for reference in references([[item[:3] for item in call], others])]


def _readings(root: LayerNode) -> Iterator[tuple[str, int, int]]:
    """Yield all references to tensors in a tree."""
    for node in root.walk():
        yield from references([node.calls, node.outputs])
