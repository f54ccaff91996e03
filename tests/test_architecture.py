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


ASKING = {
    **dict.fromkeys(("__main__", "cache.fingerprint", "cache.store", "manifest.find"), "the fast path loads no more"),
    "cli.completer": "sets variables that argcomplete reads",
    "cli.main": "asks before anything is loaded that Windows lacks",
    "cli.startup": "asks before anything is loaded from where PYTHONPATH leads",
    "manifest": "sets a variable while what validates is loaded",
    "model.system": "the place for all others",
    "observe.reaper": "is a program of its own, which imports nothing of envsync",
}
"""Who may ask for the environment's variables and the platform, and why."""


@cache
def _modules() -> dict[str, Path]:
    return {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in SOURCE.rglob("*.py")
    }


def _imports(path: Path, *, lazy: bool) -> Iterator[str]:
    """Yield the modules of envsync that a module imports; without ``lazy`` only those imported with it."""
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


def test_planning_knows_only_values_and_texts() -> None:
    texts = {"manifest.checks", "manifest.edit", "manifest.paths", "manifest.wording"}
    for module, path in _modules().items():
        for imported in _imports(path, lazy=True) if _room(module) == "plan" else ():
            assert _room(imported) in {"plan", "model", "formats"} or imported in texts, f"{module} imports {imported}"


def test_an_installer_is_known_by_its_name_in_one_table_alone() -> None:
    """Whoever asks what an installer can do asks its class in ``formats.installers``, not for its name."""
    for module, path in _modules().items():
        if _room(module) not in {"observe", "plan", "apply", "reconcile"}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                names = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
                assert not {"uv", "pip", "virtualenv"} & {name for name in names if isinstance(name, str)}, module
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                assert node.module not in {"envsync.formats.installers.uv", "envsync.formats.installers.pip"}, module


def test_no_logic_reads_a_message() -> None:
    """Messages are for people: they change with the language, and with what reads better."""
    texts = {"message", "hint", "strerror"}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            read: list[ast.expr] = []
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
                read = [node.left, *node.comparators]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                read = [node.func.value] if node.func.attr in {"startswith", "endswith", "find"} else []
            read = [one.func if isinstance(one, ast.Call) else one for one in read]
            named = {one.attr for one in read if isinstance(one, ast.Attribute)}
            assert not named & texts, f"{path}:{getattr(node, 'lineno', 0)}"


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
        if _room(name) in {"plan", "model"} and name != "model.system":
            assert "model.system" not in _imports(path, lazy=True), name
            imported = {
                alias.name.split(".")[0]
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Import)
                for alias in node.names
            }
            assert not imported & {"os", "subprocess", "time", "shutil", "pathlib", "io"}, name


TAKING = {"seal", "unseal", "read_cache_file", "stamp", "predate", "process_fingerprint", "is_current"}
"""What the cache room is made of; whoever else wants to know whether what was known is still true takes evidence."""
FORMATS_OF_THEIR_OWN = {"write.snapshot", "write.unpack"}
"""The fast path's, and the seal of what was unpacked."""


def test_whether_what_was_known_is_still_true_is_asked_in_one_way() -> None:
    for name, path in _modules().items():
        if _room(name) != "cache" and name not in FORMATS_OF_THEIR_OWN:
            nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
            cached = (node for node in nodes if f"{node.module}.".startswith("envsync.cache."))
            assert not {alias.name for node in cached for alias in node.names} & TAKING, name


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
            "_thread",  # it is a part of the interpreter, which has loaded it
            "io",  # likewise
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


def test_a_format_is_read_in_one_place() -> None:
    for name, path in _modules().items():
        text = path.read_text()
        assert "import csv" not in text or name == "formats.record", name
        assert "urlsafe_b64encode" not in text or name == "formats.record", name


def _asks(tree: ast.Module) -> bool:
    """Check whether a module asks the system itself for the environment's variables or the platform."""
    reads = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names = {
        (node.module, one.name) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for one in node.names
    }
    asked = {("os", "environ"), ("os", "getenv"), ("os", "environb"), ("sys", "platform")}
    return bool(reads & {".".join(one) for one in asked} or names & asked)


def test_the_variables_and_the_platform_are_asked_for_in_one_place() -> None:
    assert {name for name, path in _modules().items() if _asks(ast.parse(path.read_text()))} == set(ASKING)
