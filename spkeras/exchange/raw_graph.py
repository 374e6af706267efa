"""The graph of a NIR file as a whole: order, ends, names, and what no output depends on."""

import re
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush

from spkeras.errors import ModelFileError, UnsupportedLayerError, shown
from spkeras.exchange import parts as kinds
from spkeras.exchange.nir_reading import Field, RawGraph, RawNode
from spkeras.exchange.parts import Part
from spkeras.recipes.simulation import ENCODINGS


def in_order(raw: RawGraph) -> list[str]:
    """Return the names in an order in which the nodes can be computed: always the first one by name."""
    sorter: TopologicalSorter[str] = TopologicalSorter({name: () for name in raw.nodes})
    for source, target in raw.edges:
        sorter.add(target, source)
    found: list[str] = []
    ready: list[str] = []
    try:
        sorter.prepare()
    except CycleError as error:
        raise ModelFileError(
            f"{raw.place}: its edges form a cycle through {shown(error.args[1][0])}; allowed: networks "
            "without recurrent connections"
        ) from None
    while sorter.is_active():
        for name in sorter.get_ready():
            heappush(ready, name)
        found.append(heappop(ready))
        sorter.done(found[-1])
    return found


def ends_problems(raw: RawGraph, parts: list[Part]) -> list[str]:
    """Return what is wrong with the inputs and outputs."""
    inputs, outputs = (
        [raw.nodes[part.name] for part in parts if part.kind == kind]
        for kind in (kinds.INPUT, kinds.OUTPUT)
    )
    found = []
    if not inputs:
        found.append("graph: 0 nodes of type Input; allowed: 1 or more")
    if len(outputs) != 1:
        found.append(f"graph: {len(outputs)} nodes of type Output; allowed: 1")
    if len({encoding_of(node) for node in inputs}) > 1:
        found.append("graph: inputs of different encodings; allowed: one for all")
    return found


def encoding_of(node: RawNode) -> str:
    encoding = str(node.metadata.get("encoding", "constant"))
    return encoding if encoding in ENCODINGS else "constant"


def read_parts(parts: list[Part]) -> list[Part]:
    """Return the parts that an output depends on; refuse an input that is none of them."""
    needed = {part.name for part in parts if part.kind == kinds.OUTPUT}
    for part in reversed(parts):
        if part.name in needed:
            needed.update(part.inputs)
    idle = [part.name for part in parts if part.kind == kinds.INPUT and part.name not in needed]
    if idle:
        names = ", ".join(shown(name) for name in idle[:5])
        raise UnsupportedLayerError([f"graph: no output depends on input {names}"])
    return [part for part in parts if part.name in needed]


def layer_name(name: Field | None, own: str) -> str:
    """Return a name that layers may have: TensorFlow allows no sign at its begin."""
    name = name if isinstance(name, str) and name else own
    return name if re.match("[A-Za-z0-9.]", name) else f"n{name}"
