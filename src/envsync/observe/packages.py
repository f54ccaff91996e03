"""Read what is installed in an environment, from its metadata on disk."""

import errno
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from envsync.formats import core_metadata
from envsync.formats.dependency_specifiers import canonical_name
from envsync.model.packages import Distribution, InstalledPackages, Origin
from envsync.observe.files import read_text
from envsync.observe.libraries import is_lib64_alias
from envsync.observe.unowned import find_unowned

_READ = ("METADATA", "PKG-INFO", "direct_url.json")


def read_distribution(place: str) -> Distribution | None:
    """Return the distribution with metadata at a path; ``None`` without a readable name and version."""
    return _read_link(place) if place.endswith(".egg-link") else _read(place)


def _read(place: str) -> Distribution | None:
    legacy = place.endswith(".egg-info")
    try:
        names, texts = _texts_of(place)
        fields = core_metadata.parse(texts.get("METADATA") or texts.get("PKG-INFO") or "")
        if not fields.name or not fields.version:
            return None
        requested = "REQUESTED" in names
        return Distribution(
            name=canonical_name(fields.name),
            version=fields.version,
            requires=fields.requires or (_legacy_requires(place) if legacy else ()),
            origin=read_origin(texts.get("direct_url.json", "")),
            requested=requested,
            legacy=legacy,
            installer=read_text(f"{place}/INSTALLER").strip() if requested else "",
        )
    except Exception:  # noqa: BLE001  # whatever is wrong with it, it is unreadable
        return None


def _texts_of(place: str) -> tuple[frozenset[str], dict[str, str]]:
    """Return the names in a metadata directory, and the texts of those read here; or a file, as its ``PKG-INFO``.

    Raises ``OSError``, ``ValueError``.
    """
    try:
        names = frozenset(os.listdir(place))
    except NotADirectoryError:
        return frozenset(), {"PKG-INFO": _text_of(place)}
    return names, {name: _text_of(f"{place}/{name}") for name in _READ if name in names}


def _text_of(file: str) -> str:
    """Return the text of a regular file, links followed. Raises ``OSError`` for anything else, and ``ValueError``."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)  # a FIFO would block
    with open(descriptor, "rb", buffering=0) as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), file)
        return stream.readall().decode().replace("\r\n", "\n").replace("\r", "\n")


def _read_link(place: str) -> Distribution | None:
    """Return the distribution of an ``.egg-link`` (before PEP 660).

    It holds the directory of an ``.egg-info`` and the relative path of the project: ``/src/blog/src``, then ``..``.
    """
    try:
        source, _, relative = read_text(place).partition("\n")
        infos = [name for name in os.listdir(source.strip()) if name.endswith(".egg-info")]
    except (OSError, ValueError):
        return None
    read = _read(f"{source.strip()}/{infos[0]}") if infos else None
    name = os.path.basename(place).removesuffix(".egg-link")
    version = read.version if read else "0"
    requires = read.requires if read else ()
    root = os.path.realpath(os.path.join(source.strip(), relative.strip()))
    origin = Origin(root, editable=True)
    return Distribution(canonical_name(name), version, requires, origin, requested=True, legacy=True)


def _legacy_requires(place: str) -> tuple[str, ...]:
    from importlib.metadata import Distribution as Metadata  # noqa: PLC0415  # few packages need it

    return tuple(Metadata.at(place).requires or ())


def read_origin(text: str) -> Origin | None:
    """Return the origin in a ``direct_url.json`` (PEP 610), without credentials. Raises ``ValueError``."""
    return origin_of(json.loads(text)) if text else None


def origin_of(document: Mapping[str, Any]) -> Origin:
    """Return the origin in a direct URL (PEP 610), without credentials. Raises ``ValueError``."""
    from packaging.direct_url import DirectUrl, DirectUrlValidationError  # noqa: PLC0415  # few packages have one

    try:
        found = DirectUrl.from_dict(document)
    except (DirectUrlValidationError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    url = str(found.to_dict()["url"])
    subdirectory = f"#subdirectory={found.subdirectory}" if found.subdirectory else ""
    if found.dir_info is not None:
        path = os.path.realpath(unquote(urlsplit(url).path, errors="surrogateescape"))
        if found.dir_info.editable:
            return Origin(path, editable=True)
        return Origin(f"file://{quote(path, errors='surrogateescape')}{subdirectory}")
    if found.vcs_info is not None:
        vcs = found.vcs_info
        return Origin(f"{vcs.vcs}+{url}@{vcs.commit_id}{subdirectory}", revision=vcs.requested_revision)
    return Origin(f"{url}{subdirectory}")


def read_all(end: str, libraries: tuple[str, ...]) -> dict[str, Distribution | None]:
    """Return the distributions of an environment by the path of their metadata, with those that pip put aside.

    ``None`` where the metadata has no readable name and version. Raises ``OSError``.
    """
    return {place: read_distribution(place) for place in metadata_places(end, libraries, partial=True)}


def read_installed(
    end: str,
    libraries: tuple[str, ...],
    *,
    unowned: bool = False,
    others: tuple[str, ...] = (),
    read: Mapping[str, Distribution | None] | None = None,
) -> InstalledPackages:
    """Return what is installed in an environment; ``read`` is the result of :func:`read_all`, if known.

    A distribution with several links to its metadata counts once. With ``unowned``, what no distribution claims is
    included: that reads every ``RECORD``, also in the libraries ``others``. Raises ``OSError``.
    """
    found: dict[str, Distribution] = {}
    broken: list[str] = []
    for place, distribution in (read_all(end, libraries) if read is None else read).items():
        if is_partial(place):
            continue
        if distribution is None:
            broken.append(os.path.basename(place))
        else:
            found.setdefault(distribution.name, distribution)
    unclaimed = tuple(find_unowned(end, (*libraries, *others), _checkouts(end, found.values()))) if unowned else None
    return InstalledPackages(tuple(found.values()), tuple(broken), unclaimed)


def _checkouts(end: str, distributions: Iterable[Distribution]) -> Iterator[str]:
    """Yield the clones of pip's editable installs, relative to the environment: ``src/NAME``."""
    for distribution in distributions:
        origin = distribution.origin
        place = origin.requirement if origin is not None and origin.editable else ""
        if place.startswith(f"{end}/src/"):
            yield place[len(end) + 1 :]


def is_partial(place: str) -> bool:
    """Check whether pip put metadata aside, to remove it once the new version is installed: ``~lask`` of flask."""
    return os.path.basename(place).startswith("~")


def metadata_places(end: str, libraries: tuple[str, ...], *, partial: bool = False) -> Iterator[str]:
    """Yield the path of each distribution's metadata, each real path once. Raises ``OSError``.

    With ``partial``, those are included that pip put aside.
    """
    seen: set[str] = set()
    for site in site_directories(end, libraries):
        real_site = os.path.realpath(site)
        for name in sorted(os.listdir(site)):
            place = f"{site}/{name}"
            if name.endswith((".dist-info", ".egg-info", ".egg-link")) and (partial or not is_partial(name)):
                real = os.path.realpath(place) if os.path.islink(place) else f"{real_site}/{name}"
                if real not in seen:
                    seen.add(real)
                    yield place


def site_directories(end: str, libraries: tuple[str, ...]) -> list[str]:
    """Return the ``site-packages`` directories of an environment, each real path once."""
    names = [f"{library}/site-packages" for library in libraries]
    if names and is_lib64_alias(end):
        names = [f"lib/{name[6:]}" if name.startswith("lib64/") else name for name in names]
    found: dict[str, str] = {}
    for directory in (f"{end}/{name}" for name in dict.fromkeys(names)):
        if os.path.isdir(directory):
            found.setdefault(os.path.realpath(directory), directory)
    return list(found.values())
