"""Wheels, projects and repositories, made by hand: nothing is downloaded, and no build backend is needed.

A project gets a copy of this module as its own build backend (PEP 517, PEP 660), so it needs the standard library only.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

Settings = dict[str, Any] | None


def make_wheel(  # noqa: PLR0913  # what a wheel has
    directory: Path,
    name: str,
    version: str,
    requires: Iterable[str] = (),
    *,
    scripts: Mapping[str, str] | None = None,
    python_tag: str = "py3",
    extras: Mapping[str, Iterable[str]] | None = None,
    files: Mapping[str, str] | None = None,
    pure: bool = True,
) -> Path:
    """Write a wheel with one module, which knows its version and has a function ``main`` that prints it."""
    stem = f"{name.replace('-', '_')}-{version}"
    module = name.replace("-", "_")
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {r}" for r in requires),
    ]
    for extra, needed in (extras or {}).items():
        lines += [f"Provides-Extra: {extra}", *(f'Requires-Dist: {one}; extra == "{extra}"' for one in needed)]
    code = f'import sys\n\nversion = "{version}"\n\n\ndef main() -> None:\n    print("{name}", version, sys.prefix)\n'
    held = {f"{module}.py": code} if files is None else dict(files)
    info = {"METADATA": "\n".join(lines) + "\n", "WHEEL": _wheel_text(python_tag, pure=pure)}
    if scripts:
        info["entry_points.txt"] = "[console_scripts]\n" + "".join(f"{k} = {v}\n" for k, v in scripts.items())
    held |= {f"{stem}.dist-info/{key}": text for key, text in info.items()}
    directory.mkdir(parents=True, exist_ok=True)
    wheel = directory / f"{stem}-{python_tag}-none-any.whl"
    record = f"{stem}.dist-info/RECORD"
    rows = [f"{place},{_digest(text)},{len(text.encode())}\n" for place, text in held.items()]
    with zipfile.ZipFile(wheel, "w") as archive:
        for place, text in {**held, record: "".join([*rows, f"{record},,\n"])}.items():
            archive.writestr(place, text)
    return wheel


def make_project(
    directory: Path, name: str, version: str = "1.0", dependencies: Iterable[str] = (), more: str = ""
) -> Path:
    """Write a project that builds itself; it has a module, and a console script of its own name."""
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copy(__file__, directory / "backend.py")
    module = name.replace("-", "_")
    (directory / f"{module}.py").write_text(
        f'import sys\n\nversion = "{version}"\n\n\ndef main():\n    print("{name}", version, sys.prefix)\n'
    )
    (directory / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "{version}"\ndependencies = {json.dumps(list(dependencies))}\n'
        f'scripts = {{ {name} = "{module}:main" }}\n{more}\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    return directory


def make_repository(directory: Path, name: str, subdirectory: str = "") -> tuple[str, str]:
    """Make a bare Git repository with a project in it; gives its URL and its commit."""
    work = directory.with_name(f"{directory.name}-work")
    make_project(work / subdirectory, name)
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "one"]):
        subprocess.run(["git", *command], cwd=work, check=True, capture_output=True)
    subprocess.run(["git", "clone", "-q", "--bare", work, directory], check=True, capture_output=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=work, check=True, capture_output=True, text=True)
    shutil.rmtree(work)
    return f"git+file://{directory}", head.stdout.strip()


def _wheel_text(python_tag: str, *, pure: bool) -> str:
    root = str(pure).lower()
    return f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: {root}\nTag: {python_tag}-none-any\n"


def _digest(text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"sha256={digest}"


def build_wheel(directory: str, _settings: Settings = None, _metadata: str | None = None) -> str:
    """Build a wheel of the project in the current directory (PEP 517)."""
    return _build(directory, editable=False)


def build_editable(directory: str, _settings: Settings = None, _metadata: str | None = None) -> str:
    """Build a wheel that leads to the project in the current directory (PEP 660)."""
    return _build(directory, editable=True)


def _build(directory: str, *, editable: bool) -> str:
    table = _metadata()
    name = table["name"]
    module = name.replace("-", "_")
    code = {f"{module}.py": Path(f"{module}.py").read_text()}
    files = {f"__editable__.{module}.pth": f"{os.getcwd()}\n"} if editable else code
    wheel = make_wheel(
        *(Path(directory), name, table["version"], table.get("dependencies", ())),
        scripts=table.get("scripts"),
        extras=table.get("optional-dependencies"),
        files=files,
    )
    return wheel.name


def _metadata() -> dict[str, Any]:
    """Return what ``[project]`` says, else ``setup.cfg``; dynamic dependencies stand in ``requirements.txt``."""
    table = tomllib.loads(Path("pyproject.toml").read_text()).get("project")
    if table is None:
        config = RawConfigParser()
        config.read("setup.cfg")
        return {**config["metadata"], "dependencies": config.get("options", "install_requires").split()}
    if "dependencies" in table.get("dynamic", ()):
        table["dependencies"] = Path("requirements.txt").read_text().split()
    return dict(table)
