"""Whatever may be done from outside to the small world, each step as a plain value, and random sequences of them."""

import contextlib
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hypothesis import strategies as st

from harness.small_world import World, remove

BLOG = "storage/state/blog"
SITE = f"{BLOG}/lib/python3.11/site-packages"
LIB = f"{SITE}/lib-1.1.dist-info"
_UNSEALED = ("interpreters",)
"""Caches in which a flipped bit may go unseen."""
ONE = "one/lib/python3.11/site-packages/one-1.0.dist-info"


class Step(NamedTuple):
    """One thing that is done; ``@/`` in the text stands for the world's root."""

    kind: str
    target: str = "."
    text: str = ""


def do(world: World, step: Step) -> None:
    """Carry out a step; one that cannot be, as things are, is none."""
    with contextlib.suppress(OSError, ValueError):
        _KINDS[step.kind](world, world.root / step.target, world.text(step.text))


def _link(_: World, path: Path, text: str) -> None:
    remove(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(path.name if text == "loop" else text)


def _directory(_: World, path: Path, __: str) -> None:
    remove(path)
    path.mkdir(parents=True)


def _file(_: World, path: Path, text: str) -> None:
    remove(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def _fifo(_: World, path: Path, __: str) -> None:
    remove(path)
    os.mkfifo(path)


def _swing(_: World, path: Path, __: str) -> None:
    """Rename something, and back."""
    os.rename(path, f"{path}.off")
    os.rename(f"{path}.off", path)


def _relocate(_: World, path: Path, __: str) -> None:
    """Move something elsewhere, and leave a link to it."""
    os.rename(path, f"{path}.off")
    path.symlink_to(f"{path.name}.off")


def _append(_: World, path: Path, text: str) -> None:
    with path.open("r+") as file:
        file.seek(0, os.SEEK_END)
        file.write(text)


def _edit(_: World, path: Path, text: str) -> None:
    """Replace a text by another in place, and set the time of modification back."""
    times = path.stat()
    content = _edited(path, text)
    with path.open("r+b") as file:
        file.write(content)
        file.truncate()
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _save(_: World, path: Path, text: str) -> None:
    """Replace a text by another as editors do: a new file takes the place of the old one."""
    content = _edited(path, text)
    new = path.with_name(f"{path.name}.new")
    shutil.copy(path, new)
    new.write_bytes(content)
    os.replace(new, path)


def _edited(path: Path, text: str) -> bytes:
    old, _, new = text.partition(" => ")
    return path.read_bytes().replace(old.encode(), new.encode())


def _copy(world: World, path: Path, text: str) -> None:
    """Let a copy of something else take the place of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    shutil.copy(world.root / text, new)
    os.replace(new, path)


def _variable(world: World, path: Path, text: str) -> None:
    if text == "-":
        world.place.variables.pop(path.name, None)
    else:
        world.place.variables[path.name] = text


def _cache(world: World, path: Path, text: str) -> None:
    """Do something to one of the caches, whatever there are; chance goes by the text."""
    chance = random.Random(text)  # noqa: S311  # it must be the same again
    files = sorted(file for file in world.cache.rglob("*") if file.is_file() and not file.is_symlink())
    if path.name == "back":
        world.put_caches_back()
    elif path.name == "forget":
        for file in world.cache.glob("unchanged*"):
            file.unlink()
    elif path.name == "frozen":
        world.cache.chmod(0o500)
    elif files and path.name == "other":
        shutil.copy(chance.choice(files), chance.choice(files))
    elif files and path.name == "noise":
        file = chance.choice(files)
        content = bytearray(file.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        file.write_bytes(content)
    elif files:
        _KINDS[path.name](world, chance.choice(files), "0")


def _apply(world: World, _: Path, __: str) -> None:
    """Apply; what is said to be in sync then must be."""
    status = world.envsync("apply").status
    assert status != 0 or world.envsync("check", "--no-cache").status == 0


_Act = Callable[[World, Path, str], object]
_NAMED: tuple[_Act, ...] = (_link, _directory, _file, _fifo, _swing, _relocate, _append, _edit, _save, _copy, _variable)
_KINDS: dict[str, _Act] = {
    **{act.__name__[1:]: act for act in (*_NAMED, _cache, _apply)},
    "remove": lambda _, path, __: remove(path),
    "move": lambda _, path, __: os.rename(path, f"{path}.off"),
    "rename": lambda _, path, text: os.rename(path, text),
    "touch": lambda _, path, __: os.utime(path, follow_symlinks=False),
    "mode": lambda _, path, text: os.chmod(path, int(text, 8)),
    "truncate": lambda _, path, __: os.truncate(path, 0),
    "settle": lambda world, _, __: world.settle(),
}

# What the random steps are about.

_LINKS = (
    *("dotfiles", "envs.toml", "more.toml", "state", "src", "home", "pyenv", "bin", "pythons/main", "pythons/hop"),
    *("pythons/lead", "wt/.venv"),
    *("src/blog/.venv", "exposed/app", "plain/bin/python", "plain/bin/python3", "plain/bin/python3.12"),
    *(f"{BLOG}/bin/python", f"{BLOG}/bin/python3", "waited/.venv/bin/python", "one/bin/python"),
)
_HELD = ("settings/a/envs.toml", "settings/a/more.toml", "envs.d/one.toml")
_INPUTS = ("src/blog/all.txt", "src/blog/base.txt", "src/blog/limits.txt", "src/one/pyproject.toml")
_INNER = (
    *("plain/pyvenv.cfg", "plain/bin/activate", "plain/bin/activate.fish", "one/pyvenv.cfg", "one/bin/one"),
    *(f"{BLOG}/pyvenv.cfg", f"{BLOG}/bin/activate", f"{BLOG}/bin/app", f"{SITE}/app.py", "waited/.venv/pyvenv.cfg"),
    *(f"{LIB}/RECORD", f"{LIB}/INSTALLER", "waited/.venv/bin/activate.csh", f"{BLOG}/bin/tool", f"{LIB}/METADATA"),
    *(f"{ONE}/direct_url.json", f"{SITE}/app-1.0.dist-info/METADATA"),
)
_DIRECTORIES = (
    *("settings", "settings/a", "storage", "storage/state", "storage/other", "projects", "projects/blog", "src/one"),
    *("pythons", "waited", "wt", "exposed", "envs.d", "pyenvs/a", "opt"),
    *("plain", "one", "waited/.venv", BLOG, "plain/lib", "plain/lib/python3.12", "one/lib/python3.11", "one/include"),
    *(f"{BLOG}/lib", SITE, "plain/lib/python3.12/site-packages", f"{BLOG}/bin", "plain/bin", "one/bin"),
    *(LIB, ONE, f"{SITE}/tool-0.5.dist-info", "pyenvs/a/versions", "bins/a"),
)
_PROGRAMS = ("pythons/shim", "opt/python")
_NEW = (
    *("envs.d/two.toml", "src/one/uv.lock", "src/one/pylock.toml", "plain/.git", f"{BLOG}/new", f"{SITE}/new.pth"),
    *("plain/lib64/x", "pyenvs/a/versions/3.12/x", "pyenvs/a/versions/3.13.0/x", "one/bin/python3.10"),
    *("pythons/pyvenv.cfg", "lib/python3.11/os.py", "pyenvs/a/versions/3.12.99/bin/python", "bins/a/python3.13"),
    *(f"{BLOG}/lib/python3.10/site-packages/lib-0.dist-info/METADATA", "plain/lib64", "bins/a/uv", "uv.toml"),
    *(f"{BLOG}/bin/new", f"{BLOG}/.gitignore", f"{BLOG}/bin/activate.nu"),
    *(".envsync-0123456789abcdef/x", "storage/state/.envsync-0123456789abcdef/envsync.json", f"{SITE}/new.dist-info/x"),
)
_TEXTS = (
    *("nowhere", "loop", "@/storage/other", "@/state/blog", "@/opt/python", "@/opt/other", "@/pythons/main", "@/plain"),
    *("settings/b", "homes/b", "projects", "@/src/blog/.venv/bin/app", "@/exposed/app"),
)
_EDITS = (
    *(("plain/pyvenv.cfg", text) for text in ("version = 3 => version = 4", "home => emoh", "plain => nialp")),
    *((f"{BLOG}/pyvenv.cfg", text) for text in ("3.11 => 3.10", "false => true", "envsync-path => envsync-htap")),
    *((f"{BLOG}/bin/activate{end}", "blog/.venv => blog/.vevn") for end in ("", ".csh", ".fish", ".nu", ".xsh")),
    (f"{BLOG}/bin/app", "@/src/blog/.venv => @/storage/state/blog"),
    ("src/blog/all.txt", "lib>=1 => lib>=7"),
    ("src/blog/all.txt", "-r base.txt => -r none.txt"),
    ("src/blog/base.txt", ">= => =="),
    ("src/blog/limits.txt", "lib<2 => lib<1"),
    *(("src/one/pyproject.toml", text) for text in ('"one" => "eno"', '[] => ["no"]', "build-system => metsys-dliub")),
    *(("settings/a/envs.toml", text) for text in ('"3.12" => "3.11"', '["app"] => ["lib"]', "plain => nialp")),
    *(("settings/a/envs.toml", text) for text in ('"wt/.venv" => "wu/.venv"', "version = 1 => version = ]", "# => ##")),
    *(("settings/a/envs.toml", text) for text in ("envs.d/* => envs.d/t*", '"state" => "other"', "uv => pip")),
    ("settings/a/more.toml", "waited => waived"),
    *(("settings/a/more.toml", text) for text in ("/lead => /shim", "${LEAD} => ${HOME}/../../pythons")),
    ("envs.d/one.toml", "../one => ../two"),
    ("envs.d/one.toml", "envs.one => envs.plain"),
    ("pythons/shim", '"$python" => "@/opt/other"'),
    ("pythons/chosen", "opt/python => opt/other"),
    (f"{BLOG}/bin/tool", "@/src/blog/.venv => @/storage/state/blog"),
    (f"{LIB}/METADATA", "Version: 1.1 => Version: 0.9"),
    (f"{SITE}/app-1.0.dist-info/METADATA", "lib>=1 => lib>=7"),
    (f"{ONE}/direct_url.json", "src/one => src/eno"),
)
_VARIABLES = (
    *(("HOME", f"@/{text}") for text in ("homes/b", "homes/a", "plain", "nowhere")),
    *(("LEAD", text) for text in ("-", "", "@/opt", "@/nowhere", "@/pythons/", "pythons")),
    *(("PYENV_ROOT", text) for text in ("-", "@/pyenvs/a", "@/pyenvs/b", "@/nowhere")),
    *(("PATH", text) for text in ("-", "@/bins/b", "@/plain/bin:@/bin:/usr/bin:/bin", "@/pythons:/usr/bin")),
    *(("XDG_STATE_HOME", text) for text in ("-", "@/homes/b")),
    *(("XDG_CACHE_HOME", f"@/{text}") for text in ("cache2", "cache/../cache")),
    *(("ENVSYNC_FILE", text) for text in ("@/other.toml", "@/dotfiles/envs.toml", "other.toml", "")),
    *(("XDG_CONFIG_HOME", text) for text in ("-", "@/homes/b")),
)
_SCRIPT = f"#!@/{BLOG}/bin/python\n"
CACHE_DAMAGES = (
    "back",
    "frozen",
    "other",
    "noise",
    "truncate",
    "remove",
    "directory",
    "fifo",
    "mode",
    "touch",
    "swing",
    "move",
)


def _of(kinds: tuple[str, ...], *targets: str, text: tuple[str, ...] = ("",)) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.sampled_from(kinds), st.sampled_from(targets), st.sampled_from(text))


def _at(kinds: tuple[str, ...], pairs: tuple[tuple[str, str], ...]) -> st.SearchStrategy[Step]:
    return st.builds(lambda kind, pair: Step(kind, *pair), st.sampled_from(kinds), st.sampled_from(pairs))


_ANY = ("remove", "swing", "move", "touch", "directory", "fifo")
DAMAGES = st.one_of(
    _of(("link",), *_LINKS, text=_TEXTS),
    _of(("link",), *_LINKS, *_HELD, *_INPUTS, *_INNER, *_DIRECTORIES, *_PROGRAMS, text=_TEXTS),
    _of((*_ANY, "relocate"), *_LINKS, *_HELD, *_INPUTS, *_INNER, *_DIRECTORIES, *_PROGRAMS),
    _of(("relocate", "swing", "touch"), *_LINKS, *_HELD, *_INPUTS, *_DIRECTORIES),  # and all is well
    _of(("mode",), *_HELD, *_INPUTS, *_INNER, *_DIRECTORIES, *_PROGRAMS, text=("0", "500", "644", "755")),
    _of(("append",), *_HELD, *_INPUTS, *_INNER, text=("\n# more\n", "\nx = 1\n", "\n[envs.new]\npath = 'new'\n")),
    _of(("truncate",), *_HELD, *_INPUTS, *_INNER),
    _of(
        ("file",), *_NEW, *_LINKS, *_DIRECTORIES, text=("", "[envs.two]\npath = '../two'\n", _SCRIPT, "home = @/opt\n")
    ),
    _of(("link",), *_NEW, text=_TEXTS),
    st.just(Step("link", "lib/python3.11/os.py", "@/stdlib/os.py")),
    _at(("edit", "save"), _EDITS),
    _of(("copy",), *_PROGRAMS, text=("opt/other", "opt/python")),
    _at(("variable",), _VARIABLES),
    st.builds(lambda how, chance: Step("cache", how, str(chance)), st.sampled_from(CACHE_DAMAGES), st.integers(0, 99)),
)
SETTLING = st.sampled_from([(), (), (Step("settle"),), (Step("settle"),), (Step("apply"), Step("settle"))])
"""What may happen after a damage: a pass that takes note of it, or a repair."""
