"""Finds the codes that the source can emit, by following what reaches the field ``code`` of what carries one.

A code may be written out where it is emitted, be an argument of a function or method that passes it on, come from a
table, or be put together: all of these are followed. What cannot be followed is an error, never overlooked.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

__all__ = ["Emitted", "codes_in", "documented"]

Function = ast.FunctionDef | ast.AsyncFunctionDef
_CARRIED = "code"
"""The attribute that a code is read back from: whoever passes that on emits nothing new."""


@dataclass(frozen=True)
class Emitted:
    """The codes by the class that carries them, and the places where one could not be followed."""

    codes: dict[str, set[str]]
    unknown: list[str]


@dataclass(frozen=True)
class _Callable:
    """What can be called by a name: a class with fields, a function, a method."""

    parameters: tuple[str, ...]
    defaults: dict[str, ast.expr]


@dataclass(frozen=True)
class _Scope:
    """Where an expression stands."""

    file: str
    module: ast.Module
    function: Function | None


class _Blind(Exception):  # noqa: N818  # told with the place, not a failure of its own
    """An expression whose values cannot be reported."""


def codes_in(sources: Path) -> Emitted:
    """Follow the codes in all modules below a directory."""
    return _Search({str(path): ast.parse(path.read_text()) for path in sorted(sources.rglob("*.py"))}).run()


def documented(section: str) -> set[str]:
    """Return the codes that a section of docs/codes.md lists."""
    page = (Path(__file__).parent.parent.parent / "docs/codes.md").read_text(encoding="utf-8")
    (text,) = re.findall(rf"^## {section}\b.*?\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    return {code for row in rows for code in re.findall(r"`([a-z-]+)`", row.split("|")[1])}


class _Search:
    def __init__(self, modules: dict[str, ast.Module]) -> None:
        self._modules = modules
        self._callables: dict[str, list[_Callable]] = defaultdict(list)
        self._calls: dict[str, list[tuple[ast.Call, _Scope]]] = defaultdict(list)
        self._carriers: set[str] = set()
        self._passed: set[tuple[str | None, ...]] = set()
        """Parameters that are being followed: a function that calls itself adds nothing."""
        for file, module in modules.items():
            self._index(module, _Scope(file, module, None))

    def _index(self, node: ast.AST, scope: _Scope) -> None:
        for child in ast.iter_child_nodes(node):
            inner = scope
            if isinstance(child, ast.ClassDef):
                self._add_class(child)
            elif isinstance(child, Function):
                self._add_function(child, is_method=isinstance(node, ast.ClassDef))
                inner = _Scope(scope.file, scope.module, child)
            elif isinstance(child, ast.Call) and (name := _name_of(child.func)):
                self._calls[name].append((child, scope))
            self._index(child, inner)

    def _add_class(self, node: ast.ClassDef) -> None:
        fields = [one for one in node.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)]
        names = tuple(one.target.id for one in fields if isinstance(one.target, ast.Name))
        defaults = {name: one.value for name, one in zip(names, fields, strict=True) if one.value is not None}
        if names:
            self._callables[node.name].append(_Callable(names, defaults))
        if _CARRIED in names:
            self._carriers.add(node.name)

    def _add_function(self, node: Function, *, is_method: bool) -> None:
        arguments = node.args
        static = any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in node.decorator_list)
        positional = [*arguments.posonlyargs, *arguments.args][1 if is_method and not static else 0 :]
        defaults = dict(zip([one.arg for one in positional][::-1], arguments.defaults[::-1], strict=False))
        names = (*(one.arg for one in positional), *(one.arg for one in arguments.kwonlyargs))
        pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        defaults |= {one.arg: value for one, value in pairs if value is not None}
        self._callables[node.name].append(_Callable(names, defaults))

    def run(self) -> Emitted:
        """Return what reaches each carrier's field."""
        codes: dict[str, set[str]] = {}
        unknown: list[str] = []
        for carrier in sorted(one for one in self._carriers if one in self._calls):  # others are types alone
            codes[carrier] = set()
            for call, scope in self._calls[carrier]:
                try:
                    codes[carrier] |= self._argument(carrier, call, scope, _CARRIED)
                except _Blind as error:
                    unknown.append(f"{scope.file}:{call.lineno}: {carrier}: {error}")
        return Emitted(codes, unknown)

    def _argument(self, name: str, call: ast.Call, scope: _Scope, parameter: str) -> set[str]:
        """Return what one call passes for a parameter of what is called so."""
        for keyword in call.keywords:
            if keyword.arg == parameter:
                return self._values(keyword.value, scope)
        for one in self._callables[name]:
            if parameter not in one.parameters:
                continue
            at = one.parameters.index(parameter)
            if any(isinstance(argument, ast.Starred) for argument in call.args[: at + 1]):
                raise _Blind("a starred argument")
            if at < len(call.args):
                return self._values(call.args[at], scope)
            if parameter in one.defaults:
                return self._values(one.defaults[parameter], scope)
        return set()

    def _values(self, node: ast.expr, scope: _Scope) -> set[str]:
        """Return the strings that an expression may be. Raises ``_Blind``."""
        match node:
            case ast.Constant(str(value)):
                found = {value}
            case ast.IfExp(_, one, other):
                found = self._values(one, scope) | self._values(other, scope)
            case ast.JoinedStr(values):
                found = {"".join(texts) for texts in product(*(self._values(one, scope) for one in values))}
            case ast.FormattedValue(value):
                found = self._values(value, scope)
            case ast.Attribute(_, name):
                known = _classes_known_in(scope.module)
                found = set() if name == _CARRIED else self._passed_for(name, known, None)
            case ast.Name(name):
                found = self._named(name, scope)
            case ast.Subscript(table):
                found = self._entries(table, scope)
            case _:
                raise _Blind(ast.unparse(node))
        return found

    def _named(self, name: str, scope: _Scope) -> set[str]:
        function = scope.function
        if function is not None:
            bound = list(_bindings(name, function))
            if bound:
                return {value for one in bound for value in self._values(one, scope)}
            if any(name in one.parameters for one in self._callables[function.name]):
                return self._passed_for(name, [function.name], scope.file if function.name[0] == "_" else None)
        bound = [value for node in scope.module.body for value in _assigned(name, node)]
        if bound:
            return {value for one in bound for value in self._values(one, scope)}
        raise _Blind(name)

    def _passed_for(self, parameter: str, names: list[str], file: str | None) -> set[str]:
        """Return what all calls of functions or classes pass for a parameter or field: in one file, or in all."""
        key = (*names, parameter, file)
        if key in self._passed:
            return set()
        self._passed.add(key)
        try:
            found = [
                self._argument(name, call, scope, parameter)
                for name in names
                if any(parameter in one.parameters for one in self._callables[name])
                for call, scope in self._calls[name]
                if file in {None, scope.file}
            ]
        finally:
            self._passed.discard(key)
        if not found:
            raise _Blind(f"nothing passes {parameter}")
        return set().union(*found)

    def _entries(self, table: ast.expr, scope: _Scope) -> set[str]:
        """Return the strings in a table of the module's."""
        if isinstance(table, ast.Name):
            for node in scope.module.body:
                for value in _assigned(table.id, node):
                    if isinstance(value, ast.Dict):
                        return {text for one in value.values for text in self._values(one, scope)}
        raise _Blind(ast.unparse(table))


def _classes_known_in(module: ast.Module) -> list[str]:
    """List the classes that a module imports or defines: a field that it reads is one of theirs."""
    imported = [alias.name for node in module.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    return [
        *(name for name in imported if name[0].isupper()),
        *(one.name for one in module.body if isinstance(one, ast.ClassDef)),
    ]


def _name_of(called: ast.expr) -> str | None:
    match called:
        case ast.Name(name) | ast.Attribute(_, name):
            return name
        case _:
            return None


def _bindings(name: str, function: Function) -> Iterator[ast.expr]:
    """Yield what a name is bound to in a function: by assignments, and by loops over what is written out."""
    for node in ast.walk(function):
        yield from _assigned(name, node)
        if isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Tuple | ast.List):
            for item in node.iter.elts:
                yield from _matched(name, node.target, item)


def _assigned(name: str, node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Assign(targets=[target], value=value):
            yield from _matched(name, target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from _matched(name, target, value)
        case ast.NamedExpr(target=target, value=value):
            yield from _matched(name, target, value)
        case _:
            pass


def _matched(name: str, target: ast.expr, value: ast.expr) -> Iterator[ast.expr]:
    """Yield the part of a value that a target binds to a name."""
    if isinstance(target, ast.Name) and target.id == name:
        yield value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for inner, part in zip(target.elts, value.elts, strict=True):
            yield from _matched(name, inner, part)
    elif isinstance(target, ast.Tuple):
        for at, inner in enumerate(target.elts):
            if isinstance(inner, ast.Name) and inner.id == name:
                yield from _parts(value, at)


def _parts(value: ast.expr, at: int) -> Iterator[ast.expr]:
    """Yield the parts at a place in the tuples of a table that is looked into: ``{1: (a, b)}.get(key, (c, d))``."""
    match value:
        case ast.Call(ast.Attribute(ast.Dict(values=values), "get"), [_, default]):
            yield from (part.elts[at] for part in (*values, default) if isinstance(part, ast.Tuple))
        case _:
            yield value  # which nothing can be reported of
