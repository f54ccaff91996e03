"""A small world of real environments: built once, and brought back as it was whenever a test asks for it."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from envsync.__main__ import fast_answer
from harness.place import SOURCE, Place, Run
from harness.pythons import PYTHONS
from harness.wheels import make_project, make_wheel

_MANIFEST = """version = 1
state-dir = "state"
bin-dir = "exposed"
include = ["more.toml", "envs.d/*.toml"]
installer = "uv"

[pythons]
main = "pythons/main"

[envs.blog]                  # behind links, with packages, an alias and a command
path = "src/blog/.venv"
target = "blog"
python = "main"
packages = ["app"]
requirements = ["src/blog/all.txt"]
constraints = ["src/blog/limits.txt"]
aliases = ["wt/.venv"]
expose = ["app"]

[envs.plain]                 # a directory, and the best interpreter that is found
path = "plain"
python = "3.12"
prompt = "plain"
"""
_FILES = {
    "settings/a/envs.toml": _MANIFEST,
    "settings/a/more.toml": '[envs.more]\npath = "waited/.venv"\npython = "${LEAD}/lead"\nwait-for = "waited"\n',
    "settings/b/envs.toml": _MANIFEST.replace('python = "3.12"', 'python = "main"'),
    "settings/b/more.toml": "",
    "envs.d/one.toml": '[envs.one]\npath = "../one"\npython = "../pythons/main"\nproject = "../src/one"\n',
    "other.toml": "version = 1\n",
    "projects/blog/all.txt": "-r base.txt\nlib>=1\n",
    "projects/blog/base.txt": 'tool; python_version >= "3"\n',
    "projects/blog/limits.txt": "lib<2\n",
    "pythons/shim": '#!/bin/sh\n. "@/pythons/chosen"\nexec "$python" "$@"\n',
    "projects/golb/all.txt": "-r base.txt\nlib>=7\n",
    "projects/golb/base.txt": "tool\n",
    "projects/golb/limits.txt": "lib<9\n",
    "pythons/chosen": 'python="@/opt/python"\n',
    "pyenvs/a/versions/3.12.98/bin/python": '#!/bin/sh\nexec "@/opt/other" "$@"\n',  # not executable
}
_DIRECTORIES = ("wt", "waited", "storage/state", "storage/other", "homes/a", "homes/b", "opt")
_LINKS = {
    "dotfiles": "settings/a",
    "envs.toml": "dotfiles/envs.toml",
    "more.toml": "dotfiles/more.toml",
    "state": "storage/state",
    "src": "projects",
    "home": "homes/a",
    "pyenv": "pyenvs/a",
    "bin": "bins/a",
    "bins/a/python3.12": "@/opt/later",  # leads nowhere yet
    "bins/b/python3.12": "@/opt/other",
    "pythons/main": "hop",
    "pythons/hop": "@/opt/python",
    "pythons/lead": "main",
    "pythons/other": "@/opt/other",
    "projects/golb/.venv": "@/state/blog",
}
_HOOK = "\nhook = Path('hook.py')\nif hook.exists():\n    exec(hook.read_text())\n"


class World:
    """Four environments of one manifest, behind links and in directories; ``@/`` in a text stands for its root."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._pristine = base / "pristine"
        self._caches: dict[Path, bytes] = {}
        self.place = Place(base / "world")
        self.root = self.place.root
        self._plant()
        self._set_variables()
        run = self.envsync("apply")
        assert run.status == 0, run.out + run.err
        shutil.rmtree(self.root / "cache")
        shutil.copytree(self.root, self._pristine, symlinks=True)

    @property
    def cache(self) -> Path:
        return Path(self.place.variables["XDG_CACHE_HOME"], "envsync")

    def text(self, text: str) -> str:
        return text.replace("@/", f"{self.root}/")

    def envsync(self, *arguments: str) -> Run:
        return self.place.envsync(*arguments)

    def knows(self) -> bool:
        """Check whether the fast path has an answer."""
        with self.inside():
            return fast_answer(["check"]) is not None

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Let this process be where the command is run."""
        here = os.getcwd()
        with mock.patch.dict(os.environ, self.place.variables, clear=True):
            os.chdir(self.root)
            try:
                yield
            finally:
                os.chdir(here)

    def renew(self) -> None:
        """Bring everything back, and let a pass find that it is in sync."""
        remove(self.root)
        shutil.copytree(self._pristine, self.root, symlinks=True)
        self._set_variables()
        self.settle(tries=100)
        assert self.knows()
        self._caches = {path: path.read_bytes() for path in self.cache.iterdir() if path.is_file()}

    def settle(self, tries: int = 5) -> None:
        """Let changes be over for long enough, and let a pass take note of how things are.

        What others do in the directories above, such as that of temporary files, may keep a pass from it.
        """
        for _ in range(tries):
            time.sleep(0.05)
            if self.envsync("check").status != 0 or self.knows():
                return

    def put_caches_back(self) -> None:
        """Put back the caches of when everything was new."""
        for path in [*self.cache.iterdir()]:
            remove(path)
        for path, content in self._caches.items():
            path.write_bytes(content)

    def during_an_installation(self, code: str) -> None:
        """Have the project of one environment to be installed again, and let Python code run while it is."""
        for directory in self.root.glob("one/lib/python3.11/site-packages/*.dist-info"):
            shutil.rmtree(directory)
        with (self.root / "projects/one/backend.py").open("a") as backend:
            backend.write(_HOOK)
        (self.root / "projects/one/hook.py").write_text(f"hook.unlink()\n{self.text(code)}\n")

    def _plant(self) -> None:
        self._write()
        tree = os.path.dirname(os.path.dirname(PYTHONS["3.12"]))
        library = f"{os.path.dirname(os.path.dirname(PYTHONS['3.11']))}/lib/python3.11"
        for name, text in {**_LINKS, f"pyenvs/a/versions/{os.path.basename(tree)}": tree, "stdlib": library}.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).symlink_to(self.text(text))
        for name, version in {"python": "3.11", "other": "3.12"}.items():
            shutil.copy(os.path.realpath(PYTHONS[version]), self.root / "opt" / name)
        make_project(self.root / "projects/one", "one")
        wheels = self._base / "wheels"
        make_wheel(wheels, "lib", "1.0")
        make_wheel(wheels, "lib", "1.1")
        make_wheel(wheels, "app", "1.0", ["lib>=1"], scripts={"app": "app:main"})
        make_wheel(wheels, "tool", "0.5", scripts={"tool": "tool:main"})

    def _write(self) -> None:
        for name in _DIRECTORIES:
            (self.root / name).mkdir(parents=True)
        for name, text in _FILES.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(self.text(text))
        (self.root / "pythons/shim").chmod(0o755)

    def _set_variables(self) -> None:
        inside = {"HOME": "home", "LEAD": "pythons", "PYENV_ROOT": "pyenv", "XDG_STATE_HOME": "home/state"}
        inside |= {"XDG_CACHE_HOME": "cache"}
        outside = {"UV_CACHE_DIR": "uv", "UV_FIND_LINKS": "wheels", "VIRTUALENV_OVERRIDE_APP_DATA": "data"}
        self.place.variables = {
            **{name: f"{self.root}/{directory}" for name, directory in inside.items()},
            **{name: f"{self._base}/{directory}" for name, directory in outside.items()},
            **dict.fromkeys(("UV_OFFLINE", "NO_COLOR"), "1"),
            "UV_LINK_MODE": "copy",
            "PYTHONPATH": SOURCE,
            "PATH": f"{self.root}/bin:/usr/bin:/bin",
        }


def assert_same(world: World, *commands: str) -> None:
    """Hold the answers of passes with caches against those of passes without."""
    for command in commands:
        cached, fresh = (world.envsync(*command.split(), *more) for more in ((), ("--no-cache",)))
        assert cached == fresh, f"{command}: {cached} with caches, {fresh} without"


def remove(path: Path) -> None:
    """Remove whatever is there."""
    if path.is_dir() and not path.is_symlink():
        for directory, _, _ in os.walk(path):
            os.chmod(directory, 0o700)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
