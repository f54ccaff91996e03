"""What becomes of a manager's environment by an upgrade of Python: a table of ``tests/benchmark --situations``.

Each makes an environment with a package at 1.0, by an interpreter link. Then the link leads to the next Python, 1.1 is
released, the former Python is uninstalled where the manager keeps it itself, and the manager is asked again. pipx and
direnv are those on PATH; ``PYENV_SOURCE`` names a checkout of pyenv with pyenv-virtualenv in ``plugins``.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from worlds import Tools

from harness.wheels import make_wheel

_LOOK = "import sys, it; print(*sys.version_info[:2], it.version)"


@dataclass(frozen=True)
class Desk:
    """A home with a link to an interpreter, and the variables that all programs see."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def python(self) -> Path:
        """Return the interpreter by the link that an upgrade moves."""
        return self.home / "python/bin/python3"

    def run(self, *command: str | Path, where: Path | None = None) -> str:
        """Run a program and return what it prints; its exit status does not matter: what is there afterwards does."""
        done = subprocess.run(
            command,
            check=False,
            cwd=where or self.home,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()


@dataclass(frozen=True)
class Manager:
    """How a manager is set up, asked, and where its environment is then."""

    name: str
    ask: Callable[[Desk], None]
    environment: str
    """Relative to the home; a pattern whose last match by name counts."""


def managers(found: Tools) -> Iterator[Manager]:
    """Yield those that are there."""

    def envsync(desk: Desk) -> None:
        text = f'version = 1\n[envs.x]\npath = "x"\npython = "{desk.python}"\npackages = ["it"]\n'
        (desk.home / "envs.toml").write_text(text)
        desk.run(*found.envsync, "apply", "--yes", "--file", desk.home / "envs.toml")

    def venvs(desk: Desk) -> None:
        store = desk.home / ".local/share/virtualenvs"
        store.mkdir(parents=True, exist_ok=True)
        (store / "virtualenvs.toml").write_text(f'[venv.x]\ninstall = ["it"]\npython = "{desk.python}"\n')
        desk.run(found.venvs, "converge")

    def pipx(desk: Desk) -> None:
        desk.variables["PIPX_DEFAULT_PYTHON"] = str(desk.python)
        there = (desk.home / ".local/share/pipx/venvs/it").exists()
        desk.run("pipx", *(["reinstall-all"] if there else ["install", "it"]))

    def direnv(desk: Desk) -> None:
        project = desk.home / "project"
        project.mkdir(exist_ok=True)
        (project / ".envrc").write_text(f"PATH_add {desk.python.parent}\nlayout python3\n")
        desk.run("direnv", "allow", project)
        install = ["python", "-m", "pip", "install", "it"] if not (project / ".direnv").exists() else ["true"]
        desk.run("direnv", "exec", project, *install)

    yield Manager("envsync: `apply`", envsync, "x")
    if found.venvs:
        yield Manager("venvs: `converge`", venvs, ".local/share/virtualenvs/x")
    if shutil.which("pipx"):
        yield Manager("pipx: `reinstall-all`", pipx, ".local/share/pipx/venvs/it")
    if shutil.which("direnv"):
        yield Manager("direnv: `layout python3`", direnv, "project/.direnv/python-*")
    if _pyenv_source():
        yield Manager("pyenv-virtualenv: `pyenv uninstall` of the former Python", _pyenv, ".pyenv/versions/x")


def _pyenv_source() -> str:
    """Return the checkout that ``PYENV_SOURCE`` names, or empty text."""
    source = os.environ.get("PYENV_SOURCE", "")
    return source if os.path.isdir(f"{source}/plugins/pyenv-virtualenv") else ""


def _pyenv(desk: Desk) -> None:
    root = desk.home / ".pyenv"
    if not root.exists():
        shutil.copytree(_pyenv_source(), root, symlinks=True, ignore=shutil.ignore_patterns("versions"))
        (root / "versions").mkdir()
        shutil.copytree(desk.python.resolve().parents[1], root / "versions/3.0.0", symlinks=True)
        desk.variables["PYENV_ROOT"] = str(root)
        desk.run(root / "bin/pyenv", "virtualenv", "3.0.0", "x")
        desk.run(root / "versions/x/bin/python", "-m", "pip", "install", "it")
    else:
        desk.run(root / "bin/pyenv", "uninstall", "-f", "3.0.0")


def _versions(found: Tools) -> Iterator[str]:
    for name, tool in (("venvs", found.venvs), ("pipx", shutil.which("pipx")), ("direnv", shutil.which("direnv"))):
        if tool:
            done = subprocess.run([tool, "--version"], check=True, capture_output=True, text=True)
            yield f"{name} {done.stdout.split()[-1]}"


def table(root: Path, found: Tools, pythons: list[str], variables: dict[str, str]) -> Iterator[str]:
    """Yield a Markdown table; ``pythons`` are the former interpreter and the next, of two minor versions."""
    yield f"Run with {', '.join(_versions(found))}."
    yield ""
    yield "| asked again by | the environment has |"
    yield "|---|---|"
    for number, manager in enumerate(managers(found)):
        home = root / f"manager-{number}"
        home.mkdir()
        links = {name: str(home / "wheels") for name in ("PIP_FIND_LINKS", "UV_FIND_LINKS")}
        kept = {name: value for name, value in variables.items() if not name.startswith("XDG_")}
        tools = os.pathsep.join(dict.fromkeys([variables["PATH"], os.environ["PATH"]]))
        desk = Desk(home, kept | links | {"HOME": str(home), "PATH": tools, "UV_NO_INDEX": "1"})
        shown = [_asked(desk, manager, *step) for step in zip(("1.0", "1.1"), pythons, strict=True)]
        made = shown[0].endswith("1.0")
        yield f"| {manager.name} | {shown[1] if made else 'not made: ' + shown[0]} |"


def _asked(desk: Desk, manager: Manager, version: str, python: str) -> str:
    """Release this version, let the link lead to this interpreter, and return what the manager makes of it."""
    make_wheel(desk.home / "wheels", "it", version, scripts={"it": "it:main"})
    (desk.home / "python").unlink(missing_ok=True)
    (desk.home / "python").symlink_to(Path(python).resolve().parents[1])
    manager.ask(desk)
    return _shown(desk, manager)


def _shown(desk: Desk, manager: Manager) -> str:
    places = sorted(desk.home.glob(manager.environment))
    if not places:
        return "nothing: it is gone"
    shown = desk.run(places[-1] / "bin/python", "-c", _LOOK).split()
    if not shown:
        return "no package"
    return f"the next Python, the package at {shown[-1]}"
