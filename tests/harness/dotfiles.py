"""A manifest that is a symlink into a directory of dotfiles, an environment behind links, and a watcher of it all."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harness.links import fingerprint
from harness.place import Place
from harness.watching import Event, Watching, watching
from harness.wheels import make_wheel

__all__ = ["Dotfiles", "named", "replace"]


@dataclass
class Dotfiles:
    """``config/envs.toml`` leads into ``dotfiles``, ``project`` into ``src``, ``pycur`` to an interpreter's tree."""

    place: Place
    python_of: Callable[[str], str]
    own: set[Path] = field(default_factory=set)
    """Links that the test itself makes again or removes; all others have to stay."""

    @property
    def root(self) -> Path:
        return self.place.root

    @property
    def link(self) -> Path:
        return self.root / "config/envs.toml"

    @property
    def file(self) -> Path:
        return self.root / "dotfiles/envs.toml"

    @property
    def pycur(self) -> Path:
        return self.root / "pycur"

    @property
    def path(self) -> Path:
        return self.root / "project/.venv"

    @property
    def end(self) -> Path:
        return self.root / "state/one"

    @property
    def site(self) -> Path:
        (site,) = self.end.glob("lib/python3.*/site-packages")
        return site

    @property
    def settings(self) -> dict[str, str]:
        """What ``pyvenv.cfg`` says."""
        lines = (self.end / "pyvenv.cfg").read_text().splitlines()
        return {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}

    def lay_out(self) -> None:
        for directory in ("config", "dotfiles", "src/project", "wheels"):
            (self.root / directory).mkdir(parents=True)
        self.link.symlink_to("../dotfiles/envs.toml")
        (self.root / "project").symlink_to("src/project")
        self.point("3.11")
        self.file.write_text(self.manifest(self.one()))
        for name, version in (("tool", "1.0"), ("lib", "2.0")):
            make_wheel(self.root / "wheels", name, version)
        self.place.variables |= {"UV_OFFLINE": "1", "PIP_NO_INDEX": "1", "UV_FIND_LINKS": str(self.root / "wheels")}

    def one(self, *lines: str, python: str = "../pycur/bin/python") -> str:
        """Return the table of the environment at ``path``, which leads to ``end``."""
        return self.table("one", "../project/.venv", 'target = "one"', *lines, python=python)

    @staticmethod
    def table(name: str, path: str, *lines: str, python: str = "../pycur/bin/python") -> str:
        own = [f"[envs.{name}]", f"path = {json.dumps(path)}", f"python = {json.dumps(python)}"]
        return "\n".join([*own, *lines])

    def manifest(self, *tables: str) -> str:
        head = ["version = 1", f'state-dir = "{self.root}/state"', f'bin-dir = "{self.root}/exposed"']
        return "\n".join([*head, *tables, ""])

    def point(self, version: str | None) -> None:
        """Let the interpreter's link lead to the tree of that version, or remove it."""
        self.own.add(self.pycur)
        self.pycur.unlink(missing_ok=True)
        if version is not None:
            self.pycur.symlink_to(os.path.dirname(os.path.dirname(self.python_of(version))))

    def says(self) -> str:
        """Ask the environment for its version and its prefix."""
        return self.place.python("project/.venv", "import sys; print('%d.%d' % sys.version_info[:2], sys.prefix)")

    @contextmanager
    def watched(self, *arguments: str, settle: float = 0.2) -> Iterator[Watching]:
        """Run a watcher, from the end of its first pass until the block ends; no link is another one then."""
        with watching(self.place, f"--file={self.link}", *arguments, settle=settle) as watcher:
            assert watcher.until("pass")["reason"] == "start"
            links = fingerprint(self.root)
            yield watcher
            mine = {str(link) for link in self.own}
            self.place.assert_links_kept({link: seen for link, seen in links.items() if link not in mine})


def replace(file: Path, text: str) -> None:
    """Save as editors do: write another file beside it, and rename that."""
    aside = file.with_name(f".{file.name}.swp")
    aside.write_text(text)
    aside.replace(file)


def named(events: list[Event], name: str) -> list[Event]:
    return [event for event in events if event["event"] == name]
