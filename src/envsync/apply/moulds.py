"""Moulds: what a builder wrote, with gaps for all in which environments of one kind differ.

Two fresh environments of one interpreter differ in their path, quoted for each shell, in their folder's name, and in
``pyvenv.cfg``. So the first is the mould of the others, and kept for later passes with what it was made from.
"""

import contextlib
import os
import re
import stat
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.machinery import PathFinder

from envsync import activation, pyvenv_cfg
from envsync.observe.stamp import is_settled, stamp
from envsync.observe.uv import find_uv
from envsync.plan.actions import Blueprint
from envsync.sealed import read_sealed, seal, unseal
from envsync.surroundings import surroundings
from envsync.write.files import write_cache
from envsync.write.tree import Entry, write_tree

__all__ = ["Kind", "Mould", "MouldCache", "as_built", "cast", "kind_of", "make_mould"]

Kind = tuple[object, ...]
Part = bytes | str
"""Text as it is, or a gap: the name of the script that the path is quoted for, or one of these."""
_PATH, _NAME = "path", "name"

STAND_IN = "envsync5f0c1d"
"""The name of the folder to build a mould in: nothing else that a builder writes is called so."""
_PLAIN = re.compile(r"[\w.+-]+", re.ASCII)
_NOT_FOR_XONSH = re.compile(r"\$(?:\w+|{)|=~")
"""What xonsh would expand in a path: virtualenv writes no script for it then."""


@dataclass(frozen=True, slots=True)
class Mould:
    """What a builder wrote: entries as ``(relative, link, mode, parts)``, folders without the last two."""

    entries: tuple[tuple[str, str | None, int, tuple[Part, ...] | None], ...]


def kind_of(blueprint: Blueprint) -> Kind:
    """Give all that has to be alike for two environments to come from one mould."""
    return (
        None if _is_plainly_named(blueprint) else os.path.basename(blueprint.path),
        bool(_NOT_FOR_XONSH.search(blueprint.path)),
        blueprint.builders,
        blueprint.executable,  # by whatever link: `bin/python` and `home` are filled in
        blueprint.prompt,
        blueprint.system_site_packages,
    )


def as_built(blueprint: Blueprint) -> tuple[str, Blueprint]:
    """Give the name of the folder to build a mould in, and the blueprint for the builder.

    Builders take the folder's name for the prompt, in the quotes of each shell. A plain name reads alike in all of them
    and can stand in for every other plain one. Of another, virtualenv makes what it should; what venv and uv make of it
    in a path would not be found again. venv is told it as the prompt, uv writes none.
    """
    name = os.path.basename(blueprint.path)
    if _is_plainly_named(blueprint):
        return STAND_IN, blueprint
    match blueprint.builders[0]:
        case "virtualenv":
            return name, blueprint
        case "venv" if blueprint.prompt is None:
            return STAND_IN, replace(blueprint, prompt=name)
        case _:
            return STAND_IN, blueprint


def _is_plainly_named(blueprint: Blueprint) -> bool:
    return _PLAIN.fullmatch(os.path.basename(blueprint.path)) is not None


def make_mould(place: str, blueprint: Blueprint) -> Mould:
    """Read what a builder wrote at ``place`` for an environment of a blueprint's kind."""
    stood_in = STAND_IN if _is_plainly_named(blueprint) else None
    entries: list[tuple[str, str | None, int, tuple[Part, ...] | None]] = []
    for folder, folders, names in os.walk(place):
        for name in sorted((*folders, *names)):
            file = f"{folder}/{name}"
            relative = os.path.relpath(file, place)
            if os.path.islink(file):
                entries.append((relative, os.readlink(file), 0, None))
            elif os.path.isdir(file):
                entries.append((relative, None, 0, None))
            else:
                with open(file, "rb") as stream:
                    parts = tuple(_parts(relative, stream.read(), place, stood_in))
                entries.append((relative, None, _mode_of(file), parts))
    return Mould(tuple(entries))


def _mode_of(file: str) -> int:
    """Give the mode that a file was made with, before the mask of the user's was taken from it (umask(2))."""
    return 0o777 if os.stat(file).st_mode & stat.S_IXUSR else 0o666


def _parts(relative: str, content: bytes, place: str, stood_in: str | None) -> list[Part]:
    if relative == "pyvenv.cfg":
        return [content]
    name = os.path.basename(relative)
    if relative == f"bin/{name}" and name in activation.SCRIPTS:
        texts = activation.split(name, content.decode("utf-8", "surrogateescape"), place)
        pieces, gap = [_bytes(text) for text in texts], name
    else:
        pieces, gap = content.split(os.fsencode(place)), _PATH
    parts: list[Part] = []
    for piece in pieces:
        inner = piece.split(stood_in.encode()) if stood_in else [piece]
        parts += [part for one in inner for part in (one, _NAME)][:-1]
        parts.append(gap)
    return parts[:-1]


def cast(mould: Mould, blueprint: Blueprint, place: str) -> None:
    """Write an environment from its mould to ``place``, in a staging area. Raises ``OSError``."""
    ours = {f"bin/{name}": text for name, text in blueprint.links}
    if blueprint.lib64 and not any(relative == "lib64" for relative, *_ in mould.entries):
        ours["lib64"] = "lib"  # a builder's own stays as it is, a directory too
    left_out = {"bin/activate.xsh"} if _NOT_FOR_XONSH.search(blueprint.path) else set()
    fillings = {_PATH: os.fsencode(blueprint.path), _NAME: os.fsencode(os.path.basename(blueprint.path))}
    entries = [
        Entry(relative, link, None if parts is None else _content(relative, parts, blueprint, fillings), mode)
        for relative, link, mode, parts in mould.entries
        if relative not in ours and relative not in left_out
    ]
    write_tree(place, (*entries, *(Entry(relative, link=text) for relative, text in ours.items())))


def _content(relative: str, parts: tuple[Part, ...], blueprint: Blueprint, fillings: dict[str, bytes]) -> bytes:
    pieces = [part if isinstance(part, bytes) else _filling(part, blueprint, fillings) for part in parts]
    content = b"".join(pieces)
    if relative != "pyvenv.cfg":
        return content
    text = content.decode("utf-8", "surrogateescape")
    written = dict(pyvenv_cfg.parse(text))
    kept = {key: value for key, value in blueprint.optional if key in written}
    dropped = {"command"} if blueprint.prompt is not None else {"command", "prompt"}
    return _bytes(pyvenv_cfg.update(text, kept | dict(blueprint.settings), drop=frozenset(dropped)))


def _filling(gap: str, blueprint: Blueprint, fillings: dict[str, bytes]) -> bytes:
    if gap not in fillings:
        fillings[gap] = _bytes(activation.quoted(gap, blueprint.path))
    return fillings[gap]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


class MouldCache:
    """Moulds of earlier passes, each with what it was made from; the files may be deleted at any time."""

    def __init__(self, folder: str | None) -> None:
        """Take the folder to keep them in; ``None`` to keep and find none."""
        self._folder = folder

    def find(self, kind: Kind, blueprint: Blueprint) -> Mould | None:
        """Give the mould of a kind, if what it was made from is what it was."""
        if self._folder is None:
            return None
        try:
            its_kind, its_origin, entries = unseal(read_sealed(self._file(kind)))
            return Mould(entries) if (its_kind, its_origin) == (kind, _origin(blueprint)) else None
        except Exception:  # noqa: BLE001  # whatever is wrong with it, a builder makes another
            return None

    def keep(self, kind: Kind, blueprint: Blueprint, mould: Mould, began: int) -> None:
        """Keep a mould that was begun at ``began`` (nanoseconds), unless what it was made from changed just then."""
        origin = _origin(blueprint)
        if self._folder is not None and is_settled(origin[-1], began):
            with contextlib.suppress(OSError):
                write_cache(self._file(kind), seal([kind, origin, mould.entries]))

    def _file(self, kind: Kind) -> str:
        return f"{self._folder}/mould-{sha256(repr(kind).encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


def _origin(blueprint: Blueprint) -> tuple[list[tuple[str, str | None]], list[tuple[str, str]], list[str], list[int]]:
    """Give what builds: the interpreter, the builders and their settings, with their stamps."""
    library = f"{blueprint.stdlib}/venv"
    paths = [blueprint.executable, f"{blueprint.stdlib}/os.py", f"{library}/__init__.py", f"{library}/scripts/common"]
    for builder in blueprint.builders:
        if builder == "uv":
            paths.append(find_uv() or "")
        elif builder == "virtualenv":
            spec = PathFinder.find_spec("virtualenv")
            origin = spec.origin if spec else None
            paths += [origin, f"{os.path.dirname(origin)}/version.py"] if origin else [""]
    settings = sorted((key, value) for key, value in os.environ.items() if key.startswith("UV_"))
    return surroundings(()), settings, paths, stamp(map(os.path.realpath, paths))
