"""Templates of earlier passes, each with what it was made from."""

import contextlib
import os
from hashlib import sha256
from importlib.machinery import PathFinder

from envsync.apply.template import Kind, Template
from envsync.observe.stamp import is_settled, stamp
from envsync.observe.uv import find_uv
from envsync.plan.actions import Blueprint
from envsync.sealed import read_sealed, seal, unseal
from envsync.surroundings import surroundings
from envsync.write.files import write_cache

__all__ = ["TemplateCache"]


class TemplateCache:
    """Finds the templates of earlier passes; the files may be deleted at any time."""

    def __init__(self, folder: str | None) -> None:
        """Take the directory to keep them in; ``None`` to keep and find none."""
        self._folder = folder

    def find(self, kind: Kind, blueprint: Blueprint) -> Template | None:
        """Return the template of a kind, if what it was made from is what it was."""
        if self._folder is None:
            return None
        try:
            its_kind, its_origin, fields = unseal(read_sealed(self._file(kind)))
            return Template(*fields) if (its_kind, its_origin) == (kind, _origin(kind, blueprint)) else None
        except Exception:  # noqa: BLE001  # whatever is wrong with it, a builder makes another
            return None

    def keep(self, kind: Kind, blueprint: Blueprint, template: Template, began: int) -> None:
        """Keep a template that was begun at ``began`` (nanoseconds), unless what it was made from changed just then."""
        origin = _origin(kind, blueprint)
        if self._folder is not None and is_settled(origin[-1], began):
            fields = (template.entries, template.scripts, template.remark)
            with contextlib.suppress(OSError):
                write_cache(self._file(kind), seal([kind, origin, fields]))

    def _file(self, kind: Kind) -> str:
        return f"{self._folder}/template-{sha256(repr(kind).encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


def _origin(
    kind: Kind, blueprint: Blueprint
) -> tuple[list[tuple[str, str | int | None]], list[tuple[str, str]], list[int]]:
    """Return what builds: the interpreter, the builder, virtualenv's activators, settings; with their stamps."""
    library = f"{blueprint.stdlib}/venv"
    paths = [blueprint.executable, f"{blueprint.stdlib}/os.py", f"{library}/__init__.py", f"{library}/scripts/common"]
    if kind[0] == "uv":
        paths.append(find_uv() or "")
    spec = PathFinder.find_spec("virtualenv")
    origin = spec.origin if spec else None
    paths += [origin, f"{os.path.dirname(origin)}/version.py"] if origin else [""]
    settings = sorted((key, value) for key, value in os.environ.items() if key.startswith("UV_"))
    return [*surroundings(()), *((path, None) for path in paths)], settings, stamp(map(os.path.realpath, paths))
