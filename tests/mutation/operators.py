"""Small faults in source code: which there are, one at a time, by rule."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

COMPARED = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
CALCULATED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
Path = tuple[tuple[str, int | None], ...]
# Functions and methods, by name, whatever they belong to.
RENAMED = {
    "min": "max",
    "minimum": "maximum",
    "floor": "ceil",
    "ceil": "floor",
    "round": "floor",
    "any": "all",
    "all": "any",
    "argmin": "argmax",
    "argmax": "argmin",
    "zeros": "ones",
    "ones": "zeros",
    "zeros_like": "ones_like",
    "ones_like": "zeros_like",
    "max": "min",
    "maximum": "minimum",
    "startswith": "endswith",
}
# What states a contract or is read by people only: no part of a result.
SILENT_CALLS = ("errstate", "warn", "TypeVar", "cast")
SILENT_FUNCTIONS = ("__repr__", "__str__")


@dataclass(frozen=True)
class Mutant:
    """One small fault in one file.

    Attributes:
        file: Path from the root of the repository.
        function: Qualified name of the outermost function around it; "" outside of functions.
        first_line: Line at which that function starts, decorators included; 0 without one.
        lines: First and last line of the statement or condition that is changed.
        before: Its source, as `ast.unparse` writes it.
        after: The same with the fault.
        number: Counts mutants of a function that read alike, from 0.
        source: The file's text without the fault.
        path: Way to the changed node from the root of the syntax tree, (field, index) pairs.
        changed: What stands in its place.
    """

    file: str
    function: str
    first_line: int
    lines: tuple[int, int]
    before: str
    after: str
    number: int
    source: str
    path: Path
    changed: ast.AST

    @property
    def key(self) -> str:
        """Names the mutant in stored results; line numbers are no part of it."""
        number = f" #{self.number}" if self.number else ""
        return f"{self.file} {self.function or '-'}{number}\n- {self.before}\n+ {self.after}"

    def compiled(self, filename: str) -> CodeType:
        """The module's code with the fault, as if it came from that file."""
        tree = ast.parse(self.source)
        _replaced(tree, self.path, copy.deepcopy(self.changed))
        return compile(ast.fix_missing_locations(tree), filename, "exec", dont_inherit=True)


def mutants_of(source: str, file: str) -> list[Mutant]:
    """All mutants of a file, in the order of its lines.

    Left out, by rule: docstrings and all other strings, annotations, decorators, `__all__`, what
    is raised, asserted or warned of, `strict=` of zip, the -1 of a reshape (which may be dropped,
    but not be -2), `__repr__` and `__str__`.

    Args:
        source: The file's text.
        file: Its path, for the mutants' names.
    """
    found: list[Mutant] = []
    seen: dict[tuple[str, str, str], int] = {}
    tree = ast.parse(source)
    for place in list(_places(tree)):
        for changed in list(_changes(place)):
            before, after = _texts(tree, place, changed)
            if before == after:
                continue
            label = place.function, before, after
            number = seen.get(label, 0)
            seen[label] = number + 1
            lines = place.statement.lineno, _end(place)
            found.append(
                Mutant(
                    file,
                    place.function,
                    place.first_line,
                    lines,
                    before,
                    after,
                    number,
                    source,
                    place.path,
                    changed,
                )
            )
    return found


@dataclass(frozen=True)
class _Place:
    """A node of the tree, and the way to it from the root as (field, index) pairs.

    Attributes:
        shown: Length of the way to the expression that names the mutant.
    """

    node: ast.AST
    path: Path
    function: str
    first_line: int
    statement: ast.stmt
    shown: int


def _places(tree: ast.Module) -> Iterator[_Place]:
    yield from _walk(tree, (), "", 0, None, 0)


def _walk(node, path, function, first_line, statement, shown) -> Iterator[_Place]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        if node.name in SILENT_FUNCTIONS:
            return
    if statement is not None:
        yield _Place(node, path, function, first_line, statement, shown)
    for name, index, child in _children(node):
        if _silent(node, name, child):
            continue
        way = (*path, (name, index))
        inner, line = function, first_line
        if name == "body" and isinstance(node, ast.FunctionDef) and not first_line:
            decorated = node.decorator_list
            inner = ".".join(part for part in (_owner(function), node.name) if part)
            line = decorated[0].lineno if decorated else node.lineno
        elif isinstance(node, ast.ClassDef) and not first_line:
            inner = ".".join(part for part in (_owner(function), node.name) if part) + "."
        is_statement = isinstance(child, ast.stmt)
        yield from _walk(
            child,
            way,
            inner,
            line,
            child if is_statement else statement,
            len(way) if is_statement or _names_itself(child, node, name) else shown,
        )


def _owner(function: str) -> str:
    return function.rstrip(".")


def _names_itself(child: ast.AST, node: ast.AST, name: str) -> bool:
    """Conditions of compound statements and long expressions are shown without what is around."""
    if isinstance(node, ast.If | ast.While) and name == "test":
        return True
    if isinstance(node, ast.For) and name == "iter":
        return True
    return isinstance(child, ast.expr) and isinstance(node, ast.Dict | ast.withitem)


def _children(node: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            yield name, None, value
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, ast.AST):
                    yield name, index, item


def _silent(node: ast.AST, name: str, child: ast.AST) -> bool:
    if name in ("annotation", "returns", "decorator_list", "type_params", "bases", "msg"):
        return True
    if isinstance(child, ast.Raise | ast.Assert | ast.Import | ast.ImportFrom | ast.JoinedStr):
        return True
    if isinstance(child, ast.Call) and _called(child) in SILENT_CALLS:
        return True
    if isinstance(child, ast.keyword) and child.arg == "strict":
        return True
    if isinstance(node, ast.Call) and _called(node) == "reshape":
        _mark_rest(node)
    if getattr(child, "is_rest", False):
        return True
    if isinstance(child, ast.Assign):
        return any(isinstance(t, ast.Name) and t.id == "__all__" for t in child.targets)
    # A docstring, or the text behind a field.
    return isinstance(child, ast.Expr) and (
        isinstance(child.value, ast.Constant) or _silent(child, "value", child.value)
    )


def _mark_rest(call: ast.Call) -> None:
    """Any negative size of a reshape means what is left: -2 is no fault."""
    for argument in ast.walk(call):
        if isinstance(argument, ast.UnaryOp) and isinstance(argument.op, ast.USub):
            argument.operand.is_rest = True  # type: ignore[attr-defined]


def _called(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _changes(place: _Place) -> Iterator[ast.AST]:
    """What may stand in a node's place."""
    node = place.node
    if isinstance(node, ast.Compare):
        yield from _compared(node)
    elif isinstance(node, ast.BinOp | ast.AugAssign):
        yield from _calculated(node)
    elif isinstance(node, ast.BoolOp):
        yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Constant):
        yield from _constants(node)
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.Slice):
        yield from (
            _with(node, **{side: None})
            for side in ("lower", "upper")
            if getattr(node, side) is not None
        )
    else:
        yield from _statements(node)


def _compared(node: ast.Compare) -> Iterator[ast.AST]:
    for index, operator in enumerate(node.ops):
        changed = [*node.ops]
        changed[index] = COMPARED[type(operator)]()
        yield _with(node, ops=changed)


def _calculated(node: ast.BinOp | ast.AugAssign) -> Iterator[ast.AST]:
    texts = [
        part
        for part in (getattr(node, "left", None), getattr(node, "right", None))
        if isinstance(part, ast.JoinedStr)
        or isinstance(part, ast.Constant)
        and isinstance(part.value, str)
    ]
    if type(node.op) in CALCULATED and not texts:
        yield _with(node, op=CALCULATED[type(node.op)]())


def _constants(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield _with(node, value=not value)
    elif isinstance(value, int):
        yield _with(node, value=value + 1)
    elif isinstance(value, float):
        yield _with(node, value=value * 2 if value else 1.0)
    elif value in ("left", "right"):
        yield _with(node, value="left" if value == "right" else "right")


def _calls(node: ast.Call) -> Iterator[ast.AST]:
    name = _called(node)
    function = node.func
    if name == "abs" and len(node.args) == 1:
        yield node.args[0]
    elif name in RENAMED:
        if isinstance(function, ast.Attribute):
            yield _with(node, func=_with(function, attr=RENAMED[name]))
        elif name == "round":
            yield _with(node, func=ast.Name("int", ast.Load()))
        else:
            yield _with(node, func=ast.Name(RENAMED[name], ast.Load()))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.If | ast.While | ast.IfExp) and not _negated(node.test):
        yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.comprehension):
        for index, test in enumerate(node.ifs):
            if not _negated(test):
                changed = [*node.ifs]
                changed[index] = ast.UnaryOp(ast.Not(), test)
                yield _with(node, ifs=changed)
    elif isinstance(node, ast.Return) and node.value is not None:
        if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield _with(node, value=ast.Constant(None))
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield ast.Pass()
    elif isinstance(node, ast.Break):
        yield ast.Continue()
    elif isinstance(node, ast.Continue):
        yield ast.Break()


def _negated(test: ast.expr) -> bool:
    """Whether another operator makes the same mutant of a condition."""
    if isinstance(test, ast.UnaryOp):
        return True
    return (
        isinstance(test, ast.Compare)
        and len(test.ops) == 1
        and not isinstance(test.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)
    )


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _texts(tree: ast.Module, place: _Place, changed: ast.AST) -> tuple[str, str]:
    """What names the mutant, before and after; the tree is left as it was."""
    shown = place.path[: place.shown]
    before = _entry(tree, shown)
    _replaced(tree, place.path, changed)
    after = _entry(tree, shown)
    _replaced(tree, place.path, place.node)
    return before, after


def _entry(tree: ast.Module, shown: Path) -> str:
    """The text of a node; values of a dictionary with their key."""
    text = _text(_at(tree, shown))
    owner, (name, index) = _at(tree, shown[:-1]), shown[-1]
    key = owner.keys[index] if isinstance(owner, ast.Dict) and name == "values" else None
    return text if key is None else f"{ast.unparse(key)}: {text}"


def _at(tree: ast.AST, path: Path) -> ast.AST:
    for name, index in path:
        child = getattr(tree, name)
        tree = child if index is None else child[index]
    return tree


def _replaced(tree: ast.AST, path: Path, new: ast.AST) -> None:
    owner, (name, index) = _at(tree, path[:-1]), path[-1]
    if index is None:
        old = getattr(owner, name)
        setattr(owner, name, new)
    else:
        old = getattr(owner, name)[index]
        getattr(owner, name)[index] = new
    ast.copy_location(new, old)


def _text(node: ast.AST) -> str:
    """A statement on one line, a compound one by its head."""
    if isinstance(node, ast.If | ast.While):
        return f"{type(node).__name__.lower()} {ast.unparse(node.test)}"
    return " ".join(ast.unparse(node).split())


def _end(place: _Place) -> int:
    statement = place.statement
    body = getattr(statement, "body", None)
    if isinstance(body, list) and body:
        return max(body[0].lineno - 1, statement.lineno)
    return statement.end_lineno or statement.lineno
