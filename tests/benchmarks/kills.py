"""What is left of an environment when the tool that rebuilds it is killed: ``tests/benchmark --kills`` prints a table.

Each tool builds an environment with three packages again for the next Python. It is killed, with all that it started,
at moments spread evenly over the time that it takes undisturbed. Then an environment must run, of the former Python or
of the next, with all three packages.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from worlds import Tools, World

_PACKAGES = 3


@dataclass(frozen=True)
class Rebuild:
    """How a tool is made to build the environment at ``.venv`` of its working directory: a line for a shell."""

    name: str
    line: str


def rebuilds(found: Tools, packages: str) -> Iterator[Rebuild]:
    """Yield those whose tools are there; ``$PYTHON`` is the interpreter."""
    envsync = " ".join(found.envsync)
    yield Rebuild("envsync: `apply`", f"{envsync} apply --yes --file envs.toml")
    pip = f".venv/bin/python -m pip install -q {packages}"
    if found.uv:
        install = f"{found.uv} pip install -q --python .venv {packages}"
        build = f'{found.uv} venv -q --clear --python "$PYTHON" .venv'
        yield Rebuild("`uv venv --clear`, `uv pip install`", f"{build} && {install}")
    yield Rebuild("`python -m venv --clear`, pip", f'"$PYTHON" -m venv --clear .venv && {pip}')
    if found.virtualenv:
        yield Rebuild("virtualenv `--clear`, pip", f'{found.virtualenv} -q --clear -p "$PYTHON" .venv && {pip}')


@dataclass(frozen=True)
class Project:
    """A directory with an environment, and what is run in it."""

    world: World
    rebuild: Rebuild
    packages: list[str]
    place: Path

    def prepare(self, python: str) -> None:
        """Begin with an environment of this interpreter, and let the next be asked for."""
        listed = ", ".join(f'"{name}"' for name in self.packages)
        text = f'version = 1\n[envs.it]\npath = ".venv"\npython = "{self.place}/python"\npackages = [{listed}]\n'
        (self.place / "envs.toml").write_text(text)
        self._link(python)
        self.run(python).wait()
        shutil.copytree(self.place / ".venv", self.place / "former", symlinks=True)

    def restore(self, python: str) -> None:
        """Bring back the former environment, and nothing of what a killed run left."""
        for entry in self.place.iterdir():
            if entry.is_dir() and entry.name not in {"former", "python"}:
                shutil.rmtree(entry)
        shutil.copytree(self.place / "former", self.place / ".venv", symlinks=True)
        self._link(python)

    def run(self, python: str) -> "subprocess.Popen[bytes]":
        """Start the tool for an interpreter, as the leader of a group of processes."""
        return subprocess.Popen(
            ["/bin/sh", "-c", self.rebuild.line],
            cwd=self.place,
            env=self.world.variables() | {"PYTHON": python},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def works(self, former: str) -> bool:
        """Check whether the environment is complete, for the interpreter that is asked for or for the former one."""
        if self._imports():
            return True
        self._link(former)
        return self._imports()

    def _imports(self) -> bool:
        modules = ", ".join(name.replace("-", "_") for name in self.packages)
        code = f"import sys, {modules}; sys.exit(sys.prefix == sys.base_prefix)"
        try:
            done = subprocess.run([self.place / ".venv/bin/python", "-I", "-c", code], check=False, capture_output=True)
        except OSError:
            return False
        return done.returncode == 0

    def _link(self, python: str) -> None:
        (self.place / "python").unlink(missing_ok=True)
        (self.place / "python").symlink_to(python)


def table(world: World, pythons: list[str], points: int, *, rivals: bool = True) -> Iterator[str]:
    """Yield a Markdown table; ``pythons`` are the former interpreter and the next, of two minor versions."""
    yield "| killed | points | without a working environment |"
    yield "|---|---|---|"
    packages = world.wheels(_PACKAGES)
    former, following = pythons
    for rebuild in islice(rebuilds(world.tools, " ".join(packages)), None if rivals else 1):
        project = Project(world, rebuild, packages, world.fresh())
        project.prepare(former)
        project.restore(following)
        began = time.monotonic()
        project.run(following).wait()
        whole = time.monotonic() - began
        broken = 0
        for point in range(points):
            project.restore(following)
            process = project.run(following)
            time.sleep(whole * (point + 0.5) / points)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            broken += not project.works(former)
        yield f"| {rebuild.name} | {points} | {broken} |"
