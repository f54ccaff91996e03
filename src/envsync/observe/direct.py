"""Names of what is declared itself: of a distribution, the path of a project or an archive, or a URL."""

import os
import re
from collections.abc import Iterable, Iterator

from envsync.formats.dependency_specifiers import canonical_name, read_requirement
from envsync.model.packages import Origin
from envsync.observe.declared_files import real
from envsync.observe.local_paths import Local

_EGG = re.compile(r"[#&]egg=([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)")
"""``git+https://host/app.git#egg=app``, as pip has it."""


def direct_names(requirements: Iterable[Local | str], directory: str) -> Iterator[str]:
    """Yield the normalized names (PEP 503) of requirements; of what has none, its real path or its plain URL.

    Relative paths are relative to ``directory``.
    """
    for one in requirements:
        if isinstance(one, Local):
            yield real(os.path.join(directory, one.path))
        else:
            yield _name_of(one)


def origin_name(origin: Origin) -> str:
    """Return where a distribution was installed from as :func:`direct_names` has it."""
    return os.path.realpath(origin.directory) if origin.directory else _plain(origin.requirement)


def _name_of(text: str) -> str:
    if requirement := read_requirement(text):
        return canonical_name(requirement.name)
    egg = _EGG.search(text)
    return canonical_name(egg[1]) if egg else _plain(text)


def _plain(url: str) -> str:
    """Return a URL without its fragment, credentials, kind of repository and revision."""
    scheme, _, rest = (url.split(maxsplit=1) or [""])[0].partition("#")[0].partition("://")
    host, _, path = rest.partition("/")
    kind, plus, transport = scheme.partition("+")
    if plus:
        path = path.rpartition("@")[0] or path
    return f"{transport or kind}://{host.rpartition('@')[2]}/{path.rstrip('/')}"
