"""The unpacked pip is the user's own, as it is in its wheel, and runs no byte code but what its own runs have made."""

import importlib.util
import marshal
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from envsync.write.unpack import keep_byte_code, unpack
from harness.depot import Depot
from harness.wheels import make_wheel

pytestmark = pytest.mark.sampled(3)

MODULES = {
    "tool/__init__.py": "",
    "tool/__main__.py": "import tool.inner\nprint('ran')\n",
    "tool/inner.py": "x = 1\n" * 50,
}


@pytest.fixture
def wheel(tmp_path: Path) -> str:
    return str(make_wheel(tmp_path / "wheels", "tool", "1.0", files=MODULES))


@pytest.fixture
def cache(tmp_path: Path) -> str:
    return str(tmp_path / "cache")


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """Name a file that is there once foreign code was run."""
    return tmp_path / "mark"


@pytest.fixture
def tool(wheel: str, cache: str) -> Path:
    """Return the unpacked wheel, after a run."""
    place = Path(unpack(wheel, cache))
    ran(place)
    return place


def ran(place: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(place)!r}); import tool.__main__"
    done = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "ran\n"
    keep_byte_code(str(place))


def byte_code(place: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_ino, path.read_bytes()) for path in place.rglob("*.pyc")}


def sources(place: Path) -> dict[str, str]:
    found = (path for path in place.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(place)): path.read_text() for path in found}


def telling(mark: Path) -> str:
    return f"import pathlib; pathlib.Path({str(mark)!r}).touch()\n"


def plant(source: Path, mark: Path) -> Path:
    """Write byte code that Python takes for that of a source: it has its time and its size."""
    compiled = Path(importlib.util.cache_from_source(str(source)))
    compiled.parent.mkdir(exist_ok=True)
    found = source.stat()
    code = compile(telling(mark), str(source), "exec")
    numbers = (0, int(found.st_mtime), found.st_size)
    head = importlib.util.MAGIC_NUMBER + b"".join((one & 0xFFFFFFFF).to_bytes(4, "little") for one in numbers)
    compiled.write_bytes(head + marshal.dumps(code))
    return compiled


def test_byte_code_is_kept_between_runs(tool: Path, wheel: str, cache: str) -> None:
    kept = byte_code(tool)
    assert len(kept) == 3
    assert unpack(wheel, cache) == str(tool)
    assert byte_code(tool) == kept
    ran(tool)
    assert byte_code(tool) == kept


def test_byte_code_of_another_origin_is_never_run(tool: Path, wheel: str, cache: str, mark: Path) -> None:
    plant(tool / "tool/inner.py", mark)
    unpack(wheel, cache)
    assert len(byte_code(tool)) == 2
    ran(tool)
    unpack(wheel, cache)
    ran(tool)
    assert not mark.exists()
    assert len(byte_code(tool)) == 3


def test_what_the_wheel_does_not_hold_is_never_run(tool: Path, wheel: str, cache: str, mark: Path) -> None:
    (tool / "tool/json.py").write_text(telling(mark))
    (tool / "tool/inner.py").write_text(telling(mark))
    (tool / "tool/more").mkdir()
    (tool / "tool/more/__pycache__").symlink_to(mark.parent)
    unpack(wheel, cache)
    assert sources(tool) == MODULES
    ran(tool)
    assert not mark.exists()


@pytest.mark.parametrize("name", MODULES)
def test_damage_is_put_right_from_the_wheel(tool: Path, wheel: str, cache: str, name: str) -> None:
    for damage in (b"", b"\0" * len(MODULES[name]), b"x" * 5, None):
        (tool / name).unlink()
        if damage is not None:
            (tool / name).write_bytes(damage)
        unpack(wheel, cache)
        assert sources(tool) == MODULES
        ran(tool)
    for file in tool.rglob("*.pyc"):
        file.write_bytes(file.read_bytes()[:40])
    unpack(wheel, cache)
    assert byte_code(tool) == {}
    ran(tool)


@pytest.mark.parametrize("seal", [b"", b"\0" * 4000, None])
def test_without_its_seal_it_is_unpacked_again(
    tool: Path, wheel: str, cache: str, mark: Path, seal: bytes | None
) -> None:
    (tool / "tool/inner.py").write_text(telling(mark))
    tool.with_name(f"{tool.name}.sealed").unlink()
    if seal is not None:
        tool.with_name(f"{tool.name}.sealed").write_bytes(seal)
    unpack(wheel, cache)
    ran(tool)
    assert not mark.exists()


def test_a_directory_that_others_may_write_to_is_unpacked_again(tool: Path, wheel: str, cache: str) -> None:
    tool.chmod(0o777)
    tool.parent.chmod(0o777)
    held = tool.parent.with_name("held")
    held.hardlink_to(tool / "tool/inner.py")  # as another user's open file would be
    unpack(wheel, cache)
    held.write_text("raise SystemExit(3)\n")
    ran(tool)
    assert [stat.S_IMODE(one.stat().st_mode) for one in (tool, tool.parent)] == [0o700, 0o700]


def test_one_behind_a_link_is_neither_run_nor_written_to(tool: Path, wheel: str, cache: str, tmp_path: Path) -> None:
    tool.rename(tmp_path / "elsewhere")
    tool.symlink_to(tmp_path / "elsewhere")
    before = sources(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        unpack(wheel, cache)
    assert (tool.is_symlink(), sources(tmp_path / "elsewhere")) == (True, before)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_one_of_another_user_is_never_run(tool: Path, wheel: str, cache: str, mark: Path) -> None:
    (tool / "tool/inner.py").write_text(telling(mark))
    os.chown(tool, 65534, 65534)
    unpack(wheel, cache)
    assert sources(tool) == MODULES
    os.chown(tool.parent, 65534, 65534)
    with pytest.raises(PermissionError):
        unpack(wheel, cache)


def test_pip_itself_is_run_that_way(mark: Path, depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    root = depot.root
    depot.installer = "pip"
    monkeypatch.setenv("XDG_CACHE_HOME", str(root / "cache"))
    depot.make('packages = ["tool"]')
    (pip,) = (root / "cache/envsync").glob("pip-*-any")
    kept = byte_code(pip).keys()
    assert len(kept) > 100
    plant(pip / "pip/__init__.py", mark)
    depot.declare('packages = ["tool", "app"]')
    assert depot.apply()["outcome"] == "installed"
    assert byte_code(pip).keys() >= kept
    pip.rename(root / "elsewhere")
    pip.symlink_to(root / "elsewhere")
    (root / "elsewhere/pip/__init__.py").write_text(telling(mark))
    depot.declare('packages = ["tool", "app", "speed"]')
    assert depot.apply()["outcome"] == "installed"
    assert not mark.exists()
