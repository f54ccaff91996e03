"""Further kinds of work to be killed: many environments at once, a mount point, a move, a prune, and the manifest."""

import atexit
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.crash_parts import Tree, difference, tree
from harness.crash_scenario import KINDS, Scenario
from harness.crash_server import Done
from harness.pythons import PYTHONS
from harness.trusting import trust

__all__ = ["ALL_KINDS", "prepared"]

_NAMES = ("one", "two", "three")
_HEAD = 'version = 1\nstate-dir = "state"\n'


def _entry(name: str, path: str) -> str:
    return f'[envs.{name}]\npath = "{path}"\ntarget = "{name}"\npython = "pythons/3/bin/python"\n'


@dataclass
class _Other(Scenario):
    """A kind of work that is judged by itself: ``assert_whole`` after the harm, ``assert_done`` after one more try."""

    def violation(self, done: Done, *, killed: bool) -> str:  # noqa: ARG002  # how it ended does not matter
        try:
            self.assert_links_kept()
            self.assert_whole()
            again = self.run(*self.command)
            assert (again.status, again.err.count("Traceback")) == (0, 0), f"{again.out[-600:]} {again.err[-600:]}"
            self.assert_links_kept()
            self.assert_done()
            after = self.run()
            assert after.status == 0, f"the next pass: {after.out[-600:]}"
            left = [str(one) for one in self.place.rglob(".envsync-*") if one.parent not in self.kept()]
            assert left == [], f"left behind: {left}"
        except (AssertionError, json.JSONDecodeError, OSError) as error:
            return str(error)[:1500]
        return ""

    def kept(self) -> set[Path]:
        """Return the directories in which generations may be: they are no interrupted."""
        return set()

    def assert_whole(self) -> None:
        raise NotImplementedError

    def assert_done(self) -> None:
        raise NotImplementedError

    def begin(self) -> None:
        """Make the state before the work, and learn from an undisturbed run what comes after it."""
        self.prepare()
        self.arrange()
        self.keep()
        done = self.run(*self.command)
        assert done.status == 0, done.out + done.err
        self.learn()

    def arrange(self) -> None:
        raise NotImplementedError

    def learn(self) -> None:
        """Note what is there after the work."""


@dataclass
class Batch(_Other):
    """Three environments without packages are created as one."""

    made: dict[str, Tree] = field(default_factory=dict)

    @property
    def command(self) -> tuple[str, ...]:
        return ("apply", "--json")

    def arrange(self) -> None:
        self.path.unlink()
        shutil.rmtree(self.place / "state")
        entries = "".join(_entry(name, f"env-{name}") for name in _NAMES)
        self.place.joinpath("envs.toml").write_text(_HEAD + entries)

    def learn(self) -> None:
        self.made = {name: tree(self.place / f"env-{name}") for name in _NAMES}
        assert all(self.made.values())

    def holds_new(self) -> bool:
        return {name: tree(self.place / f"env-{name}") for name in _NAMES} == self.made

    def assert_whole(self) -> None:
        for name in _NAMES:
            path = self.place / f"env-{name}"
            if os.path.lexists(path):
                assert tree(path) == self.made[name], difference(tree(path), self.made[name])

    def assert_done(self) -> None:
        assert self.holds_new()


@dataclass
class Alike(_Other):
    """Three environments with the same packages are rebuilt: these are installed once."""

    before: dict[str, Tree] = field(default_factory=dict)
    after: dict[str, Tree] = field(default_factory=dict)

    @property
    def command(self) -> tuple[str, ...]:
        return ("apply", "--json")

    def arrange(self) -> None:
        self.path.unlink()
        shutil.rmtree(self.place / "state")
        entries = "".join(f'{_entry(name, f"env-{name}")}packages = ["alpha", "marker"]\n' for name in _NAMES)
        self.place.joinpath("envs.toml").write_text(f'{_HEAD}installer = "uv"\n{entries}')
        assert self.run().status == 0
        self.before = self._seen()
        self.point("3.12")

    def learn(self) -> None:
        self.after = self._seen()
        assert all(self.after[name] != self.before[name] for name in _NAMES)

    def _seen(self) -> dict[str, Tree]:
        return {name: tree(self.place / f"env-{name}") for name in _NAMES}

    def kept(self) -> set[Path]:
        found = list(self.place.glob("state/.envsync-*"))
        kinds = {json.loads((one / "envsync.json").read_text())["kind"] for one in found}
        return {self.place / "state", *found} if kinds == {"generation"} else set()

    def holds_new(self) -> bool:
        return self._seen() == self.after

    def assert_whole(self) -> None:
        for name, seen in self._seen().items():
            assert seen in (self.before[name], self.after[name]), difference(seen, self.after[name])

    def assert_done(self) -> None:
        assert self.holds_new()
        assert not list((self.root / "home").rglob(".envsync-*"))


@dataclass
class Move(_Other):
    """An environment in a directory at its path becomes target and symlink."""

    whole: Tree = field(default_factory=dict)

    @property
    def command(self) -> tuple[str, ...]:
        return ("move", "one", "--json")

    def arrange(self) -> None:
        self.path.unlink()
        self.end.rename(self.path)

    def learn(self) -> None:
        self.whole = _without_end(self.path)

    def holds_new(self) -> bool:
        return self.path.is_symlink() and _without_end(self.path) == self.whole

    def assert_whole(self) -> None:
        seen = _without_end(self.path)
        assert seen == self.whole, difference(seen, self.whole)

    def assert_done(self) -> None:
        self.assert_whole()
        assert self.path.is_symlink()


@dataclass
class Prune(_Other):
    """An environment that nothing declares any more is removed, with its links, and all that is kept of others."""

    @property
    def command(self) -> tuple[str, ...]:
        return ("prune", "--all", "--yes", "--json")

    def arrange(self) -> None:
        text = self.place.joinpath("envs.toml").read_text().replace("\n", '\nbin-dir = "exposed"\n', 1)
        links = 'aliases = ["also-two"]\nexpose = ["activate:two-activate", "python:two-python"]\n'
        self.place.joinpath("envs.toml").write_text(text + _entry("two", "env-two") + links)
        assert self.run("apply", "--force-rebuild", "one").status == 0
        self.place.joinpath("envs.toml").write_text(text)
        assert list(self.generations())
        assert len(list(self.former())) == 4
        self.old = tree(self.end)

    def former(self) -> Iterator[Path]:
        """Yield the links to the environment that goes."""
        names = ("env-two", "also-two", "exposed/two-activate", "exposed/two-python")
        return (self.place / name for name in names if os.path.lexists(self.place / name))

    def restore(self) -> None:
        super().restore()
        going = {*map(str, self.former())}
        self.links = {link: seen for link, seen in self.links.items() if str(link) not in going}

    def holds_new(self) -> bool:
        return not (self.place / "state/two").exists() and not list(self.generations()) and not list(self.former())

    def assert_whole(self) -> None:
        assert tree(self.path) == self.old, difference(tree(self.path), self.old)
        if not (self.place / "state/two").exists():
            assert not list(self.former()), "what proves that they may go is gone before them"

    def assert_done(self) -> None:
        self.assert_whole()
        assert self.holds_new()


@dataclass
class _Edit(_Other):
    """The manifest is edited through a symlink."""

    before: str = ""
    after: str = ""

    @property
    def manifest(self) -> Path:
        return self.place / "dotfiles/envs.toml"

    def arrange(self) -> None:
        self.manifest.parent.mkdir()
        self.place.joinpath("envs.toml").rename(self.manifest)
        self.place.joinpath("envs.toml").symlink_to("dotfiles/envs.toml")
        trust(self.place / "envs.toml", self.variables)
        self.manifest.write_text("# mine\n" + self.manifest.read_text() + _entry("old", "env-old"))
        self.before = self.manifest.read_text()

    def learn(self) -> None:
        self.after = self.manifest.read_text()
        assert self.after != self.before

    def holds_new(self) -> bool:
        return self.manifest.read_text() == self.after

    def assert_whole(self) -> None:
        assert self.manifest.read_text() in {self.before, self.after}
        if self.holds_new():  # to do it twice would be wrong usage
            self.manifest.write_text(self.before)

    def assert_done(self) -> None:
        assert self.holds_new()


class Add(_Edit):
    @property
    def command(self) -> tuple[str, ...]:
        return ("add", "new", "--path", "env-new", "--python", "pythons/3/bin/python", "--json")


class Remove(_Edit):
    @property
    def command(self) -> tuple[str, ...]:
        return ("remove", "old", "--json")


@dataclass
class Mounted(Scenario):
    """A rebuild where the environment is a file system of its own: its contents are exchanged one by one."""

    @property
    def command(self) -> tuple[str, ...]:
        return ("apply", "--json")

    def begin(self) -> None:
        if sys.platform != "linux" or os.geteuid() != 0:
            pytest.skip("only root mounts")
        atexit.register(self.unmount)
        super().begin()

    def restore(self) -> None:
        self.unmount()
        super().restore()
        mount = ["mount", "-t", "tmpfs", "none", str(self.end)]
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("mounting is not permitted here")
        shutil.copytree(self.kept_copy / "place/state/one", self.end, symlinks=True, dirs_exist_ok=True)

    def unmount(self) -> None:
        while os.path.ismount(self.end):
            subprocess.run(["umount", "-l", str(self.end)], check=True)

    def holds_new(self) -> bool:
        return self._seen() == self.new

    def _seen(self) -> Tree:
        """Return what is in the environment, except the staging directories, which can only be inside of it."""
        return {name: held for name, held in tree(self.path).items() if not name.startswith(".envsync-")}

    def violation(self, done: Done, *, killed: bool) -> str:  # noqa: ARG002  # how it ended does not matter
        try:
            self.assert_links_kept()
            again = self.run()
            assert (again.status, again.err.count("Traceback")) == (0, 0), f"{again.out[-600:]} {again.err[-600:]}"
            self.assert_links_kept()
            seen = self._seen()
            assert seen == self.new, difference(seen, self.new)
            self.assert_runs(self.version, seen)
            staging_dirs = [one for one in self.place.rglob(".envsync-*") if one.parent == self.end]
            kinds = [json.loads((staging_dir / "envsync.json").read_text())["kind"] for staging_dir in staging_dirs]
            assert kinds == ["generation"], kinds
            (staging_dir,) = staging_dirs
            assert tree(staging_dir / "env") == self.old, difference(tree(staging_dir / "env"), self.old)
        except (AssertionError, json.JSONDecodeError, OSError) as error:
            return str(error)[:1500]
        return ""


def _without_end(place: Path) -> Tree:
    """Return what is in an environment, except where it says that it lies."""
    found = tree(place)
    text = found.get("pyvenv.cfg", b"")
    lines = text.splitlines() if isinstance(text, bytes) else []
    return found | {"pyvenv.cfg": b"\n".join(line for line in lines if not line.startswith(b"envsync-end"))}


OTHERS: dict[str, type[Scenario]] = {
    "batch": Batch,
    "alike": Alike,
    "mounted": Mounted,
    "move": Move,
    "prune": Prune,
    "add": Add,
    "remove": Remove,
}

ALL_KINDS = (*KINDS, *OTHERS)


def prepared(kind: str, factory: pytest.TempPathFactory) -> Scenario:
    """Return a scenario that is ready to be restored and run; all tests of this process share it."""
    if not {"3.11", "3.12"} <= PYTHONS.keys():
        pytest.skip("needs Python 3.11 and 3.12")
    if kind not in _PREPARED:
        scenario = OTHERS.get(kind, Scenario)(kind, factory.mktemp(kind) / "s")
        scenario.begin()
        _PREPARED[kind] = scenario
    _PREPARED[kind].restore()
    return _PREPARED[kind]


_PREPARED: dict[str, Scenario] = {}
