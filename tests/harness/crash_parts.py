"""Wheels to install, and what an environment holds."""

import os
import zipfile
from pathlib import Path

Tree = dict[str, str | bytes]


def make_wheel(directory: Path, name: str, version: str) -> None:
    """Write a wheel with one module and one command."""
    info = f"{name}-{version}.dist-info"
    held = {
        f"{name}.py": f'here = "{name} {version}"\n\n\ndef main():\n    print(here)\n',
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\nrun-{name} = {name}:main\n",
    }
    record = "".join(f"{place},,\n" for place in (*held, f"{info}/RECORD"))
    with zipfile.ZipFile(directory / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for place, text in {**held, f"{info}/RECORD": record}.items():
            wheel.writestr(place, text)


def tree(directory: Path) -> Tree:
    """Return all that is in an environment, but what Python caches by itself."""
    found: Tree = {}
    for place, directories, files in os.walk(directory):
        directories[:] = [name for name in directories if name != "__pycache__"]
        for name in (*directories, *files):
            path = Path(place, name)
            held = f"-> {os.readlink(path)}" if path.is_symlink() else "/" if path.is_dir() else _read(path)
            found[str(path.relative_to(directory))] = held
    return found


def _read(path: Path) -> bytes:
    """Read a file, without the change times of wheels that uv notes down."""
    if path.name == "uv_cache.json":
        return b""
    lines = path.read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if path.name != "RECORD" or b"/uv_cache.json," not in line)


def difference(one: Tree, other: Tree) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))[:12]
