"""Pin the interpreter of one environment by its path, in the text of the manifest that declares it."""

import os

from envsync.manifest import declared_in, load
from envsync.manifest.edit import with_value
from envsync.manifest.edit_lines import failed
from envsync.model.desired import Environment, PythonPath
from envsync.model.plan import Pin
from envsync.observe.files import read_regular
from envsync.plan.adopt import shortened

_LIMIT = 16 << 20


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
