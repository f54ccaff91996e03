"""Read one installed distribution from the place of its metadata."""

import json
import os
from collections.abc import Mapping
from email import message_from_string
from importlib.metadata import Distribution as Metadata
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from packaging.direct_url import DirectUrl, DirectUrlValidationError
from packaging.utils import canonicalize_name

from envsync.observe.read import read_text
from envsync.observed import Distribution, Origin

__all__ = ["origin_of", "read_distribution", "read_origin"]


def read_distribution(place: str) -> Distribution | None:
    """Read one distribution from the place of its metadata; ``None`` where that does not tell what it is of."""
    return _read_link(place) if place.endswith(".egg-link") else _read(place)


def _read(place: str) -> Distribution | None:
    legacy = place.endswith(".egg-info")
    if os.path.isdir(place):
        files = [name for name in ("METADATA", "PKG-INFO", "direct_url.json") if os.path.lexists(f"{place}/{name}")]
        if not {"METADATA", "PKG-INFO"} & {*files} or not all(os.path.isfile(f"{place}/{name}") for name in files):
            return None  # nothing, or something that must not be opened: a FIFO waits for ever
    elif not os.path.isfile(place):
        return None
    try:
        metadata = Metadata.at(place)
        text = metadata.read_text("METADATA") or metadata.read_text("PKG-INFO") or metadata.read_text("") or ""
        fields = message_from_string(text.partition("\n\n")[0])  # without the description, which is most of it
        name, version = fields.get("Name", "").strip(), fields.get("Version", "").strip()
        if not name or not version:
            return None
        requested = os.path.lexists(f"{place}/REQUESTED")
        return Distribution(
            name=canonicalize_name(name),
            version=version,
            requires=tuple(fields.get_all("Requires-Dist") or (metadata.requires if legacy else None) or ()),
            origin=read_origin(metadata.read_text("direct_url.json")),
            requested=requested,
            legacy=legacy,
            installer=read_text(f"{place}/INSTALLER").strip() if requested else "",
        )
    except Exception:  # noqa: BLE001  # whatever is wrong with it, it does not tell what it is of
        return None


def _read_link(place: str) -> Distribution | None:
    """Read an ``.egg-link`` (before PEP 660): the folder of an ``.egg-info``, and the way from there to the project.

    Example: ``/src/blog/src``, then ``..``.
    """
    try:
        source, _, way = read_text(place).partition("\n")
        infos = [name for name in os.listdir(source.strip()) if name.endswith(".egg-info")]
    except (OSError, ValueError):
        return None
    read = _read(f"{source.strip()}/{infos[0]}") if infos else None
    name = os.path.basename(place).removesuffix(".egg-link")
    version = read.version if read else "0"
    requires = read.requires if read else ()
    root = os.path.realpath(os.path.join(source.strip(), way.strip()))
    origin = Origin(root, editable=True)
    return Distribution(canonicalize_name(name), version, requires, origin, requested=True, legacy=True)


def read_origin(text: str | None) -> Origin | None:
    """Read ``direct_url.json`` (PEP 610) without credentials. Raises ``ValueError`` for one that makes no sense."""
    return origin_of(json.loads(text)) if text else None


def origin_of(document: Mapping[str, Any]) -> Origin:
    """Read a direct URL (PEP 610) without credentials. Raises ``ValueError`` for one that makes no sense."""
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
