"""An environment behind a link, work to be done on it, and what must hold after that work was killed or failed.

A scenario's directory holds all that the command touches, its home included. It can be brought back to its beginning as
often as wanted, so that each kill meets the same state.
"""

import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uv import find_uv_bin

from harness.crash_parts import Tree, difference, make_wheel, tree
from harness.crash_server import Done
from harness.links import Fingerprint, fingerprint
from harness.place import SOURCE, server
from harness.plugin_sampling import seed
from harness.pythons import PYTHONS
from harness.trusting import trust

ALL = bool(os.environ.get("ENVSYNC_ALL_KILL_POINTS"))
KINDS = ("rebuild", "create", "repair", "install", "upgrade", "rollback")
ATOMIC = frozenset({"rebuild", "create", "install", "upgrade", "rollback"})
"""Where the environment is the complete old or the complete new one at every instant; else the next pass mends it."""

_BY_NAME = frozenset({"upgrade", "rollback"})
"""What a pass does only where it is asked to: the next pass does not do it again."""
_PROBE = """
import json, sys
from importlib import metadata
import marker
held = {one.metadata["Name"]: one.version for one in metadata.distributions()}
print(json.dumps([sys.prefix, "%d.%d" % sys.version_info[:2], marker.here, held]))
"""


def chosen(count: int, step: int, shard: int = 0, shards: int = 1) -> range:
    """Choose from ``count`` kill points, numbered from 1: all, or a sample whose offset the seed of the run chooses."""
    if ALL:
        return range(1 + shard, count + 1, shards)
    step = min(step, max(1, count // 3))
    offset = random.Random(f"{seed()} {count} {step}").randrange(step)  # noqa: S311  # a sample, no secret
    return range(1 + (offset + shard * step // shards) % step, count + 1, step)


@dataclass
class Scenario:
    """One kind of work on an environment, to be killed again and again."""

    kind: str
    root: Path
    old: Tree = field(default_factory=dict)
    new: Tree = field(default_factory=dict)
    version: str = "3.12"
    links: Fingerprint = field(default_factory=dict)
    altered: dict[str, str] | None = None
    """Variables of the command that are to be others than the usual."""

    def __post_init__(self) -> None:
        home = self.root / "home"
        self.variables = {key: os.environ[key] for key in ("PATH", "NO_COLOR")} | {
            "HOME": str(home),
            "PYTHONPATH": SOURCE,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.root / "wheels"),
            "UV_OFFLINE": "1",
            "UV_FIND_LINKS": str(self.root / "wheels"),
            "UV_CACHE_DIR": str(home / "uv"),
        }

    @property
    def place(self) -> Path:
        return self.root / "place"

    @property
    def path(self) -> Path:
        return self.place / "env"

    @property
    def end(self) -> Path:
        return self.place / "state/one"

    @property
    def command(self) -> tuple[str, ...]:
        return (self.kind, "one", "--json") if self.kind in _BY_NAME else ("apply", "--json")

    def begin(self) -> None:
        """Make the state before the work, and learn from an undisturbed run what comes after it."""
        self.prepare()
        _PREPARE[self.kind](self)
        self.old = tree(self.end)
        self.keep()
        done = self.run(*self.command)
        assert done.status == 0, done.out + done.err
        self.new = tree(self.end)
        assert self.new != self.old

    def prepare(self) -> None:
        """Make an environment with packages, some of them declared, and a file of the user's."""
        for directory in ("home", "wheels", "place/pythons/3"):
            (self.root / directory).mkdir(parents=True)
        for name, version in (("alpha", "1"), ("beta", "1"), ("beta", "2"), ("gamma", "1"), ("marker", "1")):
            make_wheel(self.root / "wheels", name, version)
        self.point("3.11")
        self.declare("alpha")
        trust(self.place / "envs.toml", self.variables)
        self.run()
        self.install("beta==1", "marker")
        (self.end / "share").mkdir()
        (self.end / "share/notes.txt").write_text("mine")
        assert self.run().status == 0

    def keep(self) -> None:
        """Keep a copy of all, to be brought back before each try."""
        shutil.copytree(self.root, self.kept_copy, symlinks=True)

    @property
    def kept_copy(self) -> Path:
        return self.root.with_name(f"{self.root.name}-kept")

    def restore(self) -> None:
        """Bring all back to how it was before the work."""
        shutil.rmtree(self.root)
        shutil.copytree(self.kept_copy, self.root, symlinks=True)
        self.links = {link: seen for link, seen in fingerprint(self.root).items() if "/home/" not in link}

    def point(self, version: str) -> None:
        """Let the interpreter's directory, a link, lead to that version's."""
        link = self.place / "pythons/3/bin"
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.dirname(PYTHONS[version]))
        self.version = version

    def declare(self, *packages: str, keep: int = 1) -> None:
        self.place.joinpath("envs.toml").write_text(
            f'version = 1\nstate-dir = "state"\nkeep = {keep}\ninstaller = "uv"\n'
            '[envs.one]\npath = "env"\ntarget = "one"\n'
            f'python = "pythons/3/bin/python"\npackages = {json.dumps(packages)}\n'
        )

    def install(self, *arguments: str) -> None:
        """Install something by hand."""
        command = [find_uv_bin(), "pip", "install", "-q", "--python", str(self.path / "bin/python"), *arguments]
        subprocess.run(command, check=True, env=self.variables)

    def run(self, *arguments: str, kill: int | None = None, replace: tuple[str, str] | None = None) -> Done:
        return server(self.variables).run(
            self.place, arguments or ("apply", "--json"), self.altered or self.variables, kill, replace
        )

    def assert_links_kept(self) -> None:
        after = fingerprint(self.root)
        assert {link: after.get(link) for link in self.links} == self.links, "a link was touched"

    def assert_old_or_new(self) -> Tree:
        """The path leads to the complete old or the complete new environment, and it runs; give which."""
        self.assert_links_kept()
        if not os.path.lexists(self.path):
            assert self.old == {}, "the path leads nowhere"
            return {}
        seen = tree(self.path)
        assert seen in (self.old, self.new) and seen, (  # noqa: PT018
            f"neither old nor new: old {difference(seen, self.old)}, new {difference(seen, self.new)}"
        )
        self.assert_runs("3.11" if seen == self.old and self.kind == "rebuild" else self.version, seen)
        return seen

    def assert_runs(self, version: str, seen: Tree) -> None:
        """The environment's Python runs as this environment and finds each package, and a command of one runs."""
        # After the flip the old environment's python is the new Python: it is asked by the one that it is made for.
        python = str(self.path / "bin/python")
        executable = python if version == self.version else PYTHONS[version]
        done = subprocess.run(
            [python, "-I", "-B", "-c", _PROBE], executable=executable, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        held = {str(name).split("/")[-1].removesuffix(".dist-info") for name in seen if name.endswith(".dist-info")}
        prefix, minor, here, versions = json.loads(done.stdout)
        assert (prefix, minor, here) == (str(self.path), version, "marker 1")
        assert {f"{name}-{version}" for name, version in versions.items()} == held
        assert {"alpha-1", "marker-1"} <= held
        if version != self.version:
            return
        ran = subprocess.run([self.path / "bin/run-alpha"], check=False, capture_output=True, text=True)
        assert ran.stdout == "alpha 1\n", ran.stderr

    def holds_new(self) -> bool:
        return tree(self.path) == self.new

    def assert_next_pass_finishes(self, was: Tree) -> None:
        """One more pass, undisturbed, ends with the complete new environment and nothing half made."""
        done = self.run()
        assert (done.status, done.err.count("Traceback")) == (0, 0), f"the next pass: {_gist(done)}"
        self.assert_links_kept()
        assert self.path.is_symlink()
        wanted = was if self.kind in _BY_NAME else self.new
        seen = tree(self.path)
        assert seen == wanted, f"not the new one: {difference(seen, wanted)}"
        self.assert_runs(self.version, seen)
        kept = list(self.generations())
        found = self.place.rglob(".envsync-*")
        left = [str(one) for one in found if not any(one.is_relative_to(staging_dir) for staging_dir in kept)]
        assert left == [], f"partial_files: {left}"
        if self.kind in {"rebuild", "install", "rollback"} or (self.kind == "upgrade" and seen == self.new):
            former = self.old if seen == self.new else self.new
            contents = [difference(tree(staging_dir / "env"), former) for staging_dir in kept]
            assert contents == [[]], f"the generations kept are {kept}, and differ in {contents}"
        else:
            assert kept == []

    def generations(self) -> Iterator[Path]:
        for staging_dir in self.place.glob("state/.envsync-*"):
            marker = staging_dir / "envsync.json"
            if marker.exists() and json.loads(marker.read_text())["kind"] == "generation":
                yield staging_dir

    def violation(self, done: Done, *, killed: bool) -> str:
        """Return what does not hold after a killed or failed run, empty if all does."""
        try:
            was = self.assert_old_or_new() if self.kind in ATOMIC else {}
            self.assert_links_kept()
            assert killed or was == self.new or done.status == 1
            self.assert_next_pass_finishes(was)
        except (AssertionError, json.JSONDecodeError, OSError) as error:
            return str(error)[:1500]
        return ""


def _gist(done: Done) -> str:
    try:
        (entry,) = json.loads(done.out)["environments"]
        return f"exit {done.status}: {entry['outcome']}, {entry['error'] or entry['conflict']}"
    except ValueError:
        return f"exit {done.status}: {done.out[-300:]} {done.err[-600:]}"


def _flip(scenario: Scenario) -> None:
    scenario.point("3.12")


def _remove(scenario: Scenario) -> None:
    """Nothing is there, and all packages are declared."""
    scenario.point("3.12")
    scenario.declare("alpha", "beta==1", "marker")
    scenario.path.unlink()
    shutil.rmtree(scenario.place / "state")


def _damage(scenario: Scenario) -> None:
    (scenario.end / "bin/python").unlink()
    config = scenario.end / "pyvenv.cfg"
    config.write_text(config.read_text().replace("home = ", "home = /gone"))
    (scenario.end / "bin/activate").write_text("VIRTUAL_ENV=/elsewhere\n")


def _want_more(scenario: Scenario) -> None:
    scenario.declare("alpha", "gamma", "beta==2")


def _have_older(scenario: Scenario) -> None:
    scenario.declare("alpha", "beta", "marker")
    assert scenario.run().status == 0


def _have_a_generation(scenario: Scenario) -> None:
    assert scenario.run("apply", "--force-rebuild", "one").status == 0
    scenario.install("beta==2")
    assert scenario.run().status == 0


_PREPARE = {
    "rebuild": _flip,
    "create": _remove,
    "repair": _damage,
    "install": _want_more,
    "upgrade": _have_older,
    "rollback": _have_a_generation,
    "mounted": _flip,
}


def report(title: str, tried: int, violations: dict[Any, str]) -> None:
    """Print the figure (``pytest -rP`` shows it), and fail if there was a violation."""
    print(f"{title}: {tried} points tried, {len(violations)} violations")  # noqa: T201  # the figure
    assert not violations, "\n".join(f"{point}: {text}" for point, text in violations.items())
