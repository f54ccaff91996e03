"""What each tool does with an environment behind links: the tables of docs/comparison.md, from runs in a directory.

``tests/benchmark --situations`` prints them, with the newest releases of uv and virtualenv, and venv of each Python.
The words are made from what is there afterwards, never from what a tool prints.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from worlds import Tools

from harness.links import fingerprint

_FILE = "thesis.txt"


@dataclass(frozen=True)
class Case:
    """A project with ``.venv`` in some state, and what is asked of each tool."""

    project: Path
    python: str
    clear: bool = False

    @property
    def path(self) -> Path:
        """Return what every tool is asked to make."""
        return self.project / ".venv"


@dataclass(frozen=True)
class Tool:
    """How a tool is asked for an environment at ``.venv``, in words of its command line."""

    name: str
    command: Callable[[Case], list[str]]


def tools(found: Tools, pythons: dict[str, str]) -> Iterator[Tool]:
    """Yield those that are there; ``pythons`` are interpreters by minor version, for the venv of each."""
    yield Tool("envsync", lambda case: [*found.envsync, "apply", "--yes", "--file", str(_manifest(case))])
    if found.uv:
        yield Tool(
            "`uv venv`",
            lambda case: [found.uv, "venv", "-q", "--python", case.python, *["--clear"] * case.clear, ".venv"],
        )
        yield Tool("`uv sync`", lambda case: [found.uv, "sync", "-q", "--offline", "--python", case.python])
    if found.virtualenv:
        yield Tool(
            "virtualenv",
            lambda case: [found.virtualenv, "-q", "--no-seed", "-p", case.python, *["--clear"] * case.clear, ".venv"],
        )
    for minor, python in pythons.items():
        yield Tool(f"venv of {minor}", partial(_venv, python))


def _venv(python: str, case: Case) -> list[str]:
    """Return the command line of venv, which serves the Python that runs it: by the link where that leads to it."""
    own = case.python if os.path.realpath(case.python) == os.path.realpath(python) else python
    return [own, "-m", "venv", "--without-pip", *["--clear"] * case.clear, ".venv"]


def versions(found: Tools, pythons: dict[str, str]) -> Iterator[str]:
    """Yield each tool with its version."""
    for name, tool in (("uv", found.uv), ("virtualenv", found.virtualenv)):
        if tool:
            shown = subprocess.run([tool, "--version"], check=True, capture_output=True, text=True).stdout
            yield f"{name} {shown.split()[1]}"
    for python in pythons.values():
        shown = subprocess.run([python, "--version"], check=True, capture_output=True, text=True).stdout
        yield f"venv of {shown.strip()}"


def _manifest(case: Case) -> Path:
    file = case.project / "envs.toml"
    target = f'target = "{os.readlink(case.path)}"\n' if case.path.is_symlink() else ""
    file.write_text(f'version = 1\n[envs.it]\npath = ".venv"\n{target}python = "{case.python}"\n')
    return file


def dangling(case: Case, pythons: list[str]) -> Case:
    """Let `.venv` be a symlink that leads nowhere."""
    case.path.symlink_to(case.project / "state")
    return Case(case.project, pythons[0])


def rebuilt(case: Case, pythons: list[str]) -> Case:
    """Let `.venv` be a symlink to an environment of another Python, to be made again."""
    subprocess.run([pythons[1], "-m", "venv", "--without-pip", case.project / "state"], check=True)
    case.path.symlink_to(case.project / "state")
    return Case(case.project, pythons[0], clear=True)


def foreign(case: Case, pythons: list[str]) -> Case:
    """Let `.venv` be a directory with a file of the user's, and no environment."""
    case.path.mkdir()
    (case.path / _FILE).write_text("my only copy\n")
    return Case(case.project, pythons[0], clear=True)


def broken(case: Case, pythons: list[str]) -> Case:
    """Let `.venv` be an environment whose interpreter is gone, and ask for one of a Python that is there."""
    (case.project / "old").symlink_to(_tree(pythons[0]))
    subprocess.run([case.project / "old/bin/python3", "-m", "venv", "--without-pip", case.path], check=True)
    (case.project / "old").unlink()
    return Case(case.project, pythons[0])


def tree_link(case: Case, pythons: list[str]) -> Case:
    """Name the Python by a symlink to its directory."""
    (case.project / "link").symlink_to(_tree(pythons[0]))
    return Case(case.project, str(case.project / "link/bin/python3"))


def file_link(case: Case, pythons: list[str]) -> Case:
    """Name the Python by a symlink to the executable."""
    (case.project / "link").symlink_to(os.path.realpath(pythons[0]))
    return Case(case.project, str(case.project / "link"))


def _tree(python: str) -> str:
    return os.path.dirname(os.path.dirname(os.path.realpath(python)))


SITUATIONS = {
    "`.venv` is a dangling link": dangling,
    "`.venv` is a link to an environment of another Python": rebuilt,
    "`.venv` is a directory with a file of yours, no environment": foreign,
    "the interpreter of `.venv` is gone, another is declared": broken,
    "the Python is declared by a link to its directory": tree_link,
    "the Python is declared by a link to its executable": file_link,
}
"""Each is made in an empty project before a tool runs in it."""


def outcome(case: Case, before: dict[str, object], status: int) -> str:
    """Return what became of it, as words: the environment, the link, a file of the user's, the exit status."""
    words = [_environment(case)]
    link = str(case.path)
    if link in before:
        words.append("the link stays" if fingerprint(case.project).get(link) == before[link] else "the link is gone")
    if f"{link}/{_FILE}" in before:
        words.append("your file stays" if (case.path / _FILE).exists() else "your file is gone")
    if (case.project / "link").is_symlink() and case.path.exists():
        words.append("`bin/python` holds the link" if _holds_link(case) else "`bin/python` holds what it led to")
    if status:
        words.append(f"exit status {status}")
    return ", ".join(words)


def _environment(case: Case) -> str:
    python = case.path / "bin/python"
    code = "import sys; sys.exit(sys.prefix == sys.base_prefix)"
    try:
        works = subprocess.run([python, "-c", code], check=False, capture_output=True).returncode == 0
    except OSError:
        works = False
    wanted = subprocess.run(
        [case.python, "-c", "import sys; print(*sys.version_info[:2], sep='.')"],
        check=True,
        capture_output=True,
        text=True,
    )
    if works and (case.path / f"lib/python{wanted.stdout.strip()}").is_dir():
        return "works"
    return "the old one" if works else "none" if not (case.path / "bin").exists() else "does not start"


def _holds_link(case: Case) -> bool:
    place = str(case.path / "bin/python")
    for _ in range(10):
        if place.startswith(str(case.project / "link")):
            return True
        if not os.path.islink(place):
            return False
        place = os.path.join(os.path.dirname(place), os.readlink(place))
    return False


def table(root: Path, found: Tools, pythons: dict[str, str], variables: dict[str, str]) -> Iterator[str]:
    """Yield a Markdown table with a row for each situation and outcome, which names the tools that have it."""
    yield f"Run with {', '.join(versions(found, pythons))}."
    yield ""
    yield "| situation | afterwards | with |"
    yield "|---|---|---|"
    for title, prepare in SITUATIONS.items():
        outcomes: dict[str, list[str]] = {}
        for number, tool in enumerate(tools(found, pythons)):
            project = root / f"{prepare.__name__}-{number}"
            project.mkdir()
            (project / "pyproject.toml").write_text('[project]\nname = "it"\nversion = "1"\n')
            order = sorted(pythons.values(), key=lambda python: tool.name != f"venv of {_minor(pythons, python)}")
            case = prepare(Case(project, ""), order)
            before = {**fingerprint(project), **dict.fromkeys(map(str, project.rglob(_FILE)))}
            done = subprocess.run(tool.command(case), check=False, cwd=project, env=variables, capture_output=True)
            outcomes.setdefault(outcome(case, before, done.returncode), []).append(tool.name)
        for words, names in outcomes.items():
            yield f"| {title} | {words} | {', '.join(names)} |"


def _minor(pythons: dict[str, str], wanted: str) -> str:
    return next(minor for minor, python in pythons.items() if python == wanted)
