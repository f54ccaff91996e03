"""The layout tells the architecture: who may import whom, and who may write."""

import ast
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from envsync.cli.commands import MODULES
from envsync.cli.options import parse
from harness.place import ROOT

SOURCE = ROOT / "src" / "envsync"
ROOMS = (
    *("model", "formats", "cache", "manifest", "observe", "plan", "write", "apply"),
    *("reconcile", "watch", "report", "cli", "__main__"),
)
"""From the bottom to the top: a room imports from itself and from those below, lazily too."""
MOST_AT_THE_TOP = 15
WRITING = {
    "chmod", "chown", "copy", "copy2", "copyfile", "copytree", "fchmod", "ftruncate", "lchown", "link", "makedirs",
    "mkdir", "mkfifo", "move", "pwrite", "remove", "removedirs", "rename", "renames", "replace", "rmdir", "rmtree",
    "symlink", "truncate", "unlink", "utime", "write_bytes", "write_text",
}  # fmt: skip
ANYWHERE = {"replace"}
"""Names that are harmless where they are not the ``os`` module's: ``str.replace``, ``dataclasses.replace``."""


@cache
def _modules() -> dict[str, Path]:
    return {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in SOURCE.rglob("*.py")
    }


def _imports(path: Path, *, lazy: bool) -> Iterator[str]:
    """Give the modules of envsync that a module imports; without ``lazy`` only those imported with it."""
    tree = ast.parse(path.read_text())
    nodes = ast.walk(tree) if lazy else tree.body
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("envsync."):
            inner = (node.module or "").removeprefix("envsync").removeprefix(".")
            for alias in node.names:
                full = f"{inner}.{alias.name}".removeprefix(".")
                yield full if full in _modules() else inner or "__init__"


def _room(module: str) -> str:
    return module.split(".", maxsplit=1)[0]


def test_the_rooms_are_those_that_are_known() -> None:
    assert {_room(module) for module in _modules()} == {*ROOMS, "__init__"}
    entries = {path.name for path in SOURCE.iterdir()} - {"__pycache__"}
    assert len(entries) <= MOST_AT_THE_TOP, entries


@pytest.mark.parametrize("module", sorted(set(_modules()) - {"__init__"}))  # the face offers what all others have
def test_imports_point_downwards(module: str) -> None:
    for imported in _imports(_modules()[module], lazy=True):
        if imported != "__init__":
            assert ROOMS.index(_room(imported)) <= ROOMS.index(_room(module)), f"{module} imports {imported}"
            assert _room(module) != "model" or _room(imported) == "model", f"{module} imports {imported}"


def test_only_the_face_lists_what_it_offers() -> None:
    for module, path in _modules().items():
        assert module == "__init__" or "\n__all__" not in path.read_text(), module


def test_imports_have_no_cycle() -> None:
    graph = {name: set(_imports(path, lazy=True)) - {"__init__"} for name, path in _modules().items()}
    graph.pop("__init__")
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, f"a cycle: {' -> '.join((*way, name))}"
        if name not in done:
            for imported in graph.get(name, ()):
                visit(imported, (*way, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_nothing_that_decides_can_write_or_look() -> None:
    for name, path in _modules().items():
        if _room(name) in {"plan", "model"}:
            imported = {
                alias.name.split(".")[0]
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Import)
                for alias in node.names
            }
            assert not imported & {"os", "subprocess", "time", "shutil", "pathlib", "io"}, name


def test_only_the_writers_write() -> None:
    for path in SOURCE.rglob("*.py"):
        if path.parent.name == "write":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
                name = node.func.attr
                assert name not in WRITING - ANYWHERE or owner not in {"os", "shutil"}, f"{path}:{node.lineno}"
                assert not (name in ANYWHERE and owner == "os"), f"{path}:{node.lineno}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
                modes = [argument.value for argument in node.args[1:2] if isinstance(argument, ast.Constant)]
                assert all(set(str(mode)) <= set("rbt") for mode in modes), f"{path}:{node.lineno}"


def test_files_and_functions_fit_a_screen() -> None:
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 40, f"{path}: {node.name}"


def test_the_fast_path_loads_nothing_heavy() -> None:
    for module in (
        *("cache", "cache.fast_path", "cache.fingerprint", "cache.store"),
        *("__init__", "__main__", "manifest", "manifest.find"),
    ):
        tree = ast.parse(_modules()[module].read_text())
        names = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)}
        assert {name for name in names if not name.startswith(("envsync", "collections.abc"))} <= {
            "os",
            "stat",  # os has loaded it
            "sys",
            "marshal",
            "binascii",
            "gc",
            "itertools",
            "time",
        }


def test_each_command_has_its_function_and_its_options() -> None:
    for name, module in MODULES.items():
        assert name in import_module(f"envsync.cli.{module}").COMMANDS
        with pytest.raises(SystemExit, match="0"):
            parse([name, "--help"])
