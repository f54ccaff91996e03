"""Roots that overlay this machine's, as a container engine makes them: what is changed in one stays in it."""

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from harness.mounting import mounted, overlaid
from harness.place import ROOT, SOURCE

__all__ = ["Build", "Image", "image"]

CHROOT = shutil.which("chroot", path="/usr/sbin:/usr/bin:/sbin:/bin") or "chroot"
_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass
class Image:
    """A root, and what runs in it: as root with an empty HOME, unless another user is named."""

    root: Path
    variables: dict[str, str] = field(default_factory=lambda: {"PATH": _PATH, "HOME": "/home/image"})

    def sh(
        self,
        script: str,
        *,
        user: int = 0,
        directory: str = "/",
        status: int = 0,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        """Run lines of a shell as RUN does, and return what they print. Another user has no HOME."""
        given = self.variables | {**variables}
        if user:
            del given["HOME"]
        inside = ["env", "-i", f"--chdir={directory}", *(f"{name}={value}" for name, value in given.items())]
        done = subprocess.run(
            [CHROOT, f"--userspec={user}:{user}", str(self.root), *inside, "sh", "-ec", script],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        assert done.returncode == status, done.stdout
        return done.stdout

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file in it, as COPY does."""
        file = Path(f"{self.root}{path}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def use(self, python: str) -> None:
        """Let another interpreter be at the paths where images of Python have theirs, with its library."""
        for name in ("python", "python3"):
            link = self.root / "usr/local/bin" / name
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.realpath(python))
        library = Path(os.path.realpath(python)).parents[1] / "lib" / Path(os.path.realpath(python)).name
        if library.is_dir() and not (self.root / "usr/local/lib" / library.name).exists():
            (self.root / "usr/local/lib" / library.name).symlink_to(library)

    def open_way(self, path: Path) -> None:
        """Let everybody go to a path of this machine, here: in the overlay's upper layer, never in what is mounted."""
        for above in path.parents:
            place = Path(f"{self.root}{above}")
            if above != ROOT and ROOT not in above.parents and not place.stat().st_mode & 0o001:
                place.chmod(place.stat().st_mode | 0o111)

    @contextlib.contextmanager
    def volume(self, path: str, source: Path) -> Iterator[None]:
        """Mount a directory in it, as ``--volume`` does."""
        point = Path(f"{self.root}{path}")
        point.mkdir(parents=True, exist_ok=True)
        source.mkdir(exist_ok=True)
        with mounted("--bind", source, point):
            yield

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """Let it be read-only, as ``--read-only`` does."""
        subprocess.run(["mount", "-o", "remount,ro", self.root], check=True)
        try:
            yield
        finally:
            subprocess.run(["mount", "-o", "remount,rw", self.root], check=True)


@contextlib.contextmanager
def image(directory: Path, python: str) -> Iterator[Image]:
    """Make a root in which ``/usr/local/bin/python3`` is ``python``, and everybody may run that."""
    made = Image(directory / "root")
    made.root.mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(overlaid(Path("/"), directory / "layers", made.root))
        for device in ("/dev", "/proc", str(ROOT)):  # the repository may be on a mount of its own
            Path(f"{made.root}{device}").mkdir(parents=True, exist_ok=True)
            stack.enter_context(mounted("--bind", device, f"{made.root}{device}"))
        for program in (os.path.realpath(python), os.path.realpath(sys.executable), f"{ROOT}", sys.executable):
            made.open_way(Path(program))
        made.use(python)
        for name in ("home/image", "srv", "run"):
            (made.root / name).mkdir(parents=True, exist_ok=True)
        made.write("/usr/local/bin/envsync", command(), 0o755)
        yield made


def command() -> str:
    """Return a script that runs this source on the Python of the tests."""
    return f'#!/bin/sh\nPYTHONPATH={shlex.quote(SOURCE)} exec {shlex.quote(sys.executable)} -m envsync "$@"\n'


@dataclass
class Build:
    """What carries out a Containerfile: FROM, ARG, RUN, WORKDIR, COPY, USER; CMD is returned."""

    directory: Path
    python: str
    context: Path
    arguments: dict[str, str]
    stages: dict[str, Image] = field(default_factory=dict)

    def carry_out(self, text: str, stack: contextlib.ExitStack) -> tuple[Image, list[str], int, str]:
        """Return the last stage, its command, its user and its directory. The mounts are of ``stack``."""
        stage, user, workdir, cmd = Image(self.directory), 0, "/", list[str]()
        arguments: dict[str, str] = {}
        for word, rest in re.findall(r"^([A-Z]+) (.*)$", text, re.MULTILINE):
            match word:
                case "FROM":
                    stage = stack.enter_context(image(self.directory / str(len(self.stages)), self.python))
                    self.stages[rest.partition(" AS ")[2] or "last"] = stage
                    user, workdir = 0, "/"
                case "ARG":
                    arguments = {rest.partition("=")[0]: rest.partition("=")[2]} | self.arguments
                case "RUN":
                    stage.sh(rest, user=user, directory=workdir, variables=arguments)
                case "WORKDIR":
                    workdir = rest
                    Path(f"{stage.root}{workdir}").mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self._copy(rest.split(), stage, workdir)
                case "USER":
                    user = int(rest)
                case "CMD":
                    cmd = json.loads(rest)
                case _:
                    raise ValueError(word)
        return stage, cmd, user, workdir

    def _copy(self, words: list[str], stage: Image, workdir: str) -> None:
        source = str(self.context)
        if words[0].startswith("--from="):
            source = str(self.stages[words.pop(0).partition("=")[2]].root)
        target = f"{stage.root}{os.path.join(workdir, words[-1])}"
        for word in words[:-1]:
            subprocess.run(["cp", "-a", f"{source}/{word.lstrip('/')}", target], check=True)
