"""Name the interpreter of one environment by its path, in the manifest that declares it."""

import os

from envsync.desired import Environment, PythonPath
from envsync.edit.adopt import shortened
from envsync.edit.lines import failed
from envsync.edit.values import with_value
from envsync.manifest import declared_in, load
from envsync.manifest.paths import is_literal
from envsync.observe.read import read_regular
from envsync.plan.actions import Pin

__all__ = ["is_expressible", "pinned"]

_LIMIT = 16 << 20


def is_expressible(link: str) -> bool:
    """Tell whether a manifest could name an interpreter by a path."""
    return is_literal(link)


def pinned(main: str, name: str, link: str) -> tuple[Pin, Environment]:
    """Return the change of the manifest ``main``, or of the include that declares it, and what it then declares.

    Only the environment's own table changes. Raises ``EnvsyncError`` or ``ManifestError``; writes nothing.
    """
    file = declared_in(main, name) or main
    former = read_regular(os.path.realpath(file), _LIMIT) or b""
    python = shortened(link, os.path.expanduser("~"))
    text = with_value(former.decode("utf-8", "surrogateescape"), name, "python", python)
    manifest = load(main, texts={file: text})
    found = next((one for one in manifest.environments if one.name == name), None)
    if found is None or not isinstance(found.python, PythonPath) or not os.path.samefile(found.python.path, link):
        raise failed(f"{python} would mean another interpreter there")
    return Pin(file, former, text.encode("utf-8", "surrogateescape"), python, link), found
