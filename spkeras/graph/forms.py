"""Types of a graph's description that was read from a file."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from spkeras.errors import GraphError, shown


def _text(value: object) -> bool:
    return isinstance(value, str)


def _texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(part, str) for part in value)


def _mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _whole(value: object) -> bool:
    """Return whether a value is a list of whole numbers; their range is checked with the node."""
    return isinstance(value, list | tuple) and all(
        isinstance(part, int) and not isinstance(part, bool) and abs(part) < 1 << 31
        for part in value
    )


def _shape(value: object) -> bool:
    return _whole(value) and all(part >= 0 for part in cast(list[int], value))


def _shapes(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(_shape, value.values()))


def _some_shapes(value: object) -> bool:
    return isinstance(value, Mapping) and all(s is None or _shape(s) for s in value.values())


def _list(value: object) -> bool:
    return isinstance(value, list | tuple)


Forms = Mapping[str, tuple[Callable[[object], bool], str]]
_GRAPH: Forms = {
    "name": (_text, "text"),
    "outputs": (_texts, "a list of names"),
    "notes": (_texts, "a list of sentences"),
    "settings": (_mapping, "an object"),
    "nodes": (_list, "a list"),
}
_NODE: Forms = {
    "name": (_text, "text"),
    "op": (_text, "text"),
    "inputs": (_texts, "a list of names"),
    "shape": (_whole, "a list of sizes"),
    "attributes": (_mapping, "an object"),
    "arrays": (_shapes, "an object of shapes"),
    "source": (_text, "text"),
}
_ORIGINAL: Forms = {
    "attributes": (_mapping, "an object"),
    "arrays": (_some_shapes, "an object of shapes"),
}


def checked_schema(data: object, newest: int) -> int:
    """Return the schema of a graph's description whose parts have their types.

    Args:
        data: What a file holds.
        newest: Schema of this version.

    Raises:
        GraphError: another schema, or a part that is missing or of another type.
    """
    schema = data.get("schema", 0) if isinstance(data, Mapping) else 0
    if not isinstance(schema, int) or schema not in range(1, newest + 1):
        newer = isinstance(schema, int) and schema > newest
        raise GraphError(
            f"graph schema {shown(schema, 40)}{', of a newer version' if newer else ''}; allowed: "
            f"1 to {newest}{'; update spkeras' if newer else ''}"
        )
    _check_parts(data)
    return schema


def _check_parts(data: object) -> None:
    whole = _checked("graph", data, _GRAPH)
    for place, node in enumerate(whole["nodes"]):
        _checked(f"node {place}", node, _NODE)
    originals = whole.get("originals")
    if originals is None:
        return
    if not isinstance(originals, Mapping):
        raise GraphError(f"graph: originals={shown(originals, 80)}; allowed: an object")
    for name, own in originals.items():
        _checked(f"original {name!r}", own, _ORIGINAL)


def _checked(place: str, value: object, forms: Forms) -> Mapping[str, Any]:
    """Return a mapping whose entries have these forms."""
    if not isinstance(value, Mapping):
        raise GraphError(f"{place}: {shown(value, 80)}; allowed: an object")
    for name, (fits, words) in forms.items():
        if name not in value:
            raise GraphError(f"{place}: has no {name!r}; required: {words}")
        if not fits(value[name]):
            raise GraphError(f"{place}: {name}={shown(value[name], 80)}; allowed: {words}")
    return value
