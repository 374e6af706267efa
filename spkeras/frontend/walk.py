"""Translation of a Keras model in memory to a plain `Graph`, along its tensors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras

from spkeras.errors import UnsupportedLayerError
from spkeras.frontend.handlers import Call, Port, expand, is_users
from spkeras.frontend.handlers.tracing import traced_layer
from spkeras.frontend.lifting import lifted, one_step
from spkeras.frontend.steps import MASK, by_name, cuts, fault, maker, read_by, shapes, steps
from spkeras.frontend.unknown import (
    ANY_SIZE,
    GUESS_FAILURES,
    GUESSED,
    UNKNOWN,
    class_problem,
    guessed_shapes,
    open_sizes,
)
from spkeras.frontend.visits import Visit, Walk
from spkeras.graph import Graph, Node
from spkeras.keras_files.standins import StandIn


def read_graph(model: keras.Model) -> Graph:
    """Return the model as a graph of plain operations, channels last.

    Args:
        model: A built Sequential or functional model; inner models are read, too.

    Returns:
        The graph: its nodes compute the outputs of the model at inference, in float32.

    Raises:
        UnsupportedLayerError: a part cannot be converted; lists all problems at once.
        WeightsError: weights are NaN or infinite; names all of them.
    """
    return walk(model).convertible()


def walk(model: keras.Model) -> Walk:
    """Visit every call of every layer, including those that cannot be converted.

    Raises:
        UnsupportedLayerError: the model as a whole cannot be read: not built, subclassed,
            or its inputs have no fixed shape.
    """
    problem = fault(model)
    if problem:
        raise UnsupportedLayerError([problem])
    walker = _Walker()
    ports = walker.read_inputs(model)
    outputs = walker.run(model, ports, "", "")
    names = [walker.final(port) for port in outputs]
    graph = Graph(model.name, tuple(walker.nodes.values()), tuple(names))
    return Walk(graph, tuple(walker.visits))


@dataclass
class _Walker:
    """State of one walk: nodes so far, visits so far, and the number of uses of each name.

    `guesses` has the names of the nodes whose shapes are guessed: those after an input of open
    sizes or after a layer that cannot be read.
    """

    nodes: dict[str, Node] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    used: dict[str, int] = field(default_factory=dict)
    guesses: set[str] = field(default_factory=set)

    def read_inputs(self, model: keras.Model) -> list[Port]:
        """Add an input node for each input of the model."""
        ports = []
        for tensor in model.inputs:
            operation, _ = maker(tensor)
            name = self._name(operation.name)
            open_shape = tuple(tensor.shape[1:])
            shape = tuple(size or ANY_SIZE for size in open_shape)
            self._add_input(name, shape, str(tensor.dtype), source=operation.name)
            if None in open_shape:
                self.guesses.add(name)
                problem = open_sizes(operation.name, open_shape)
                self.visits.append(Visit(name, operation, open_shape, (name,), problem=problem))
            else:
                self.visits.append(Visit(name, operation, shape, (name,)))
            ports.append(Port(name, shape))
        return ports

    def _add_input(self, name: str, shape: tuple[int, ...], dtype: str, *, source: str) -> None:
        attributes = {"dtype": dtype}
        self.nodes[name] = Node(name, "input", (), shape, attributes=attributes, source=source)

    def run(self, model: keras.Model, ports: Sequence[Port], prefix: str, path: str) -> list[Port]:
        """Walk one model, given the ports of its inputs; return the ports of its outputs.

        Args:
            model: The model, or an inner model.
            ports: One for each of its inputs.
            prefix: Prefix of the names of its nodes.
            path: Prefix of the sources of its nodes.
        """
        values = {id(t): p for t, p in zip(model.inputs, ports, strict=True)}
        for step in steps(model):
            call = self._call(step, values, prefix, path)
            values.update((id(t), p) for t, p in zip(step.outputs, self._visit(call), strict=True))
        return [values[id(tensor)] for tensor in model.outputs]

    def _call(self, step: Any, values: Mapping[int, Port], prefix: str, path: str) -> Call:
        def port(value: Any) -> Any:
            return values.get(id(value), MASK) if isinstance(value, keras.KerasTensor) else value

        operation, arguments, tensors = step.operation, step.arguments, read_by(step)
        inputs = tuple(values[id(tensor)] for tensor in tensors)
        guess = any(port.name in self.guesses for port in inputs)
        return Call(
            operation=operation,
            name=self._name(prefix + operation.name),
            source=path + operation.name,
            inputs=inputs,
            args=keras.tree.map_structure(port, arguments.args),
            kwargs=keras.tree.map_structure(port, arguments.kwargs),
            shapes=guessed_shapes(step, values) if guess else shapes(step, values),
            known=self.nodes,
            dtypes=tuple(tensor.dtype for tensor in (*tensors, *step.outputs[:1])),
            walk=lambda model, ports: self.run(
                model, ports, f"{prefix}{operation.name}/", f"{path}{operation.name}/"
            ),
        )

    def final(self, port: Port) -> str:
        """Return the node of a model's output, with its axes in Keras's order."""
        call = Call(
            operation=None,
            name=port.name,
            source=port.name,
            inputs=(port,),
            args=(),
            kwargs={},
            shapes=(),
            known=self.nodes,
        )
        return call.keras_order(port).name

    def _name(self, wanted: str) -> str:
        """Return the name at the first call, then name@1, name@2, ..."""
        while True:
            count = self.used.get(wanted, 0)
            self.used[wanted] = count + 1
            name = f"{wanted}@{count}" if count else wanted
            if name not in self.nodes:
                return name

    def _visit(self, call: Call) -> list[Port]:
        """Add the nodes of a call, or placeholders if it cannot be converted."""
        if not self._is_guess(call):
            return self._expanded(call)
        before = len(self.visits)
        problem, sizes = class_problem(call), GUESSED
        try:
            stand_in = isinstance(call.operation, StandIn)
            if problem or stand_in or any(None in shape for shape in call.shapes):
                raise ValueError(problem)
            results = self._expanded(call)
        except GUESS_FAILURES:  # what follows from a guess is no problem of the model
            del self.visits[before:]
            results, sizes = self._refused(call, problem), UNKNOWN
        own = self.visits[before:]
        self.visits[before:] = [visit.without_sizes(sizes) for visit in own]
        self.guesses.update(port.name for port in results)
        return results

    def _is_guess(self, call: Call) -> bool:
        """Return whether the sizes of a call's outputs are unknown."""
        guessed = any(port.name in self.guesses for port in call.inputs)
        return guessed or isinstance(call.operation, StandIn)

    def _expanded(self, call: Call) -> list[Port]:
        try:
            if any(None in shape for shape in call.shapes):
                raise call.refuse(f"output shapes {call.shapes}", "use fixed sizes only")
            if isinstance(call.operation, keras.Model):
                return self._nested(call)
            if type(call.operation) is keras.layers.TimeDistributed:
                return self._each_step(call)
            if is_users(call.operation):
                return self.run(traced_layer(call), call.inputs, f"{call.name}/", f"{call.source}/")
            results = expand(call)
        except UnsupportedLayerError as error:
            return self._refused(call, error.problems[0])
        if len(results) == 1 and results[0].name in call.added:
            results = [self._renamed(call, results[0])]
        self.visits.append(Visit(call.name, call.operation, call.shape, tuple(call.added)))
        return results

    def _nested(self, call: Call) -> list[Port]:
        """Walk an inner model; raise for one that cannot be read at all."""
        model = call.operation
        problem = fault(model)
        if problem:
            raise UnsupportedLayerError([problem])
        if call.kwargs.get("training"):
            raise call.refuse("called with training=True", "call it without training=True")
        ports = by_name(call)
        for dtype, port, tensor in zip(call.dtypes, ports, model.inputs, strict=False):
            if len(port.shape) != len(tensor.shape) - 1 or cuts(dtype, tensor.dtype):
                raise call.refuse(
                    f"{dtype} values of shape {port.keras_shape} for the input {tensor.name!r} "
                    f"of shape {tuple(tensor.shape[1:])} and dtype {tensor.dtype}",
                    "call it with the dtype and number of axes it was built for",
                )
        return self.run(model, ports, f"{call.name}/", f"{call.source}/")

    def _each_step(self, call: Call) -> list[Port]:
        """Walk the layer of a TimeDistributed for one step, and add its nodes for all steps."""
        port = call.keras_order(call.input)
        single, start = one_step(call, port)
        walker = _Walker()
        walker._add_input(start.name, start.shape, call.dtypes[0], source=call.source)
        single = replace(single, known=walker.nodes)
        ends = [single.keras_order(end) for end in walker._visit(single)]
        own = self._lift(walker, {start.name: port}, steps=port.shape[0])
        call.added += [name for names in own.values() for name in names]
        if isinstance(single.operation, keras.Model):
            # The calls inside it are listed, as those inside any model.
            for visit in walker.visits:
                names = [name for node in visit.nodes for name in own[node]]
                self.visits.append(replace(visit, nodes=tuple(names)))
        else:
            problem = next((visit.problem for visit in walker.visits if visit.problem), "")
            nodes = () if problem else tuple(call.added)
            visit = Visit(call.name, call.operation, call.shape, nodes, problem=problem)
            self.visits.append(visit)
        given = {start.name: port.name}
        self.guesses.update(end.name for end in ends if end.name in walker.guesses)
        return [Port(given.get(end.name, end.name), (port.shape[0], *end.shape)) for end in ends]

    def _lift(
        self, single: "_Walker", given: Mapping[str, Port], steps: int
    ) -> dict[str, list[str]]:
        """Add the nodes of a walk of one step for all steps; return their names for each."""
        own: dict[str, list[str]] = {}
        for node in single.nodes.values():
            if node.name in given:
                continue
            shapes = [single.nodes[name].shape for name in node.inputs]
            reads = tuple(given[name].name if name in given else name for name in node.inputs)
            nodes = lifted(replace(node, inputs=reads), steps, shapes)
            self.nodes.update((found.name, found) for found in nodes)
            own[node.name] = [found.name for found in nodes]
        return own

    def _renamed(self, call: Call, result: Port) -> Port:
        """Give the last node of an expansion the name of its layer."""
        node = self.nodes.pop(result.name)
        self.nodes[call.name] = replace(node, name=call.name)
        call.added[call.added.index(result.name)] = call.name
        return replace(result, name=call.name)

    def _refused(self, call: Call, problem: str) -> list[Port]:
        """Record the problem and add placeholders for the outputs, so that the walk continues."""
        ports = []
        for index, open_shape in enumerate(call.shapes):
            shape = tuple(size or 1 for size in open_shape)
            name = f"{call.name}:refused{index}"
            self._add_input(name, shape, "float32", source=call.source)
            ports.append(Port(name, shape))
        self.visits.append(Visit(call.name, call.operation, call.shape, problem=problem))
        return ports
