"""Read one installed distribution from the place of its metadata."""

import json
import os
from email import message_from_string
from importlib.metadata import Distribution as Metadata
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from packaging.utils import canonicalize_name

from envsync.observe.read import read_text
from envsync.observed import Distribution, Origin

__all__ = ["parse_origin", "read_distribution"]


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
        return Distribution(
            name=canonicalize_name(name),
            version=version,
            requires=tuple(fields.get_all("Requires-Dist") or (metadata.requires if legacy else None) or ()),
            origin=parse_origin(metadata.read_text("direct_url.json")),
            requested=os.path.lexists(f"{place}/REQUESTED"),
            legacy=legacy,
        )
    except Exception:  # noqa: BLE001  # whatever is wrong with it, it does not tell what it is of
        return None


def _read_link(place: str) -> Distribution | None:
    """Read an ``.egg-link``: setuptools' own editable installs, before PEP 660."""
    try:
        project = read_text(place).partition("\n")[0].strip()
        infos = [name for name in os.listdir(project) if name.endswith(".egg-info")]
    except (OSError, ValueError):
        return None
    read = _read(f"{project}/{infos[0]}") if infos else None
    name = os.path.basename(place).removesuffix(".egg-link")
    version = read.version if read else "0"
    requires = read.requires if read else ()
    return Distribution(
        canonicalize_name(name), version, requires, Origin(os.path.realpath(project), editable=True), True
    )


def parse_origin(text: str | None) -> Origin | None:
    """Read ``direct_url.json`` (PEP 610). Raises ``ValueError`` and its like for one that makes no sense."""
    if not text:
        return None
    document: dict[str, Any] = json.loads(text)
    url = document["url"]
    if not isinstance(url, str):
        raise TypeError("url")
    subdirectory = f"#subdirectory={document['subdirectory']}" if document.get("subdirectory") else ""
    if "dir_info" in document:
        path = unquote(urlsplit(url).path) if url.startswith("file:") else url
        if document["dir_info"].get("editable"):
            return Origin(os.path.realpath(path), editable=True)
        return Origin(f"file://{quote(os.path.realpath(path))}{subdirectory}" if path.startswith("/") else url)
    if "vcs_info" in document:
        vcs = document["vcs_info"]
        commit = f"{vcs['vcs']}+{url}@{vcs['commit_id']}{subdirectory}"
        return Origin(commit, revision=vcs.get("requested_revision"))
    return Origin(f"{url}{subdirectory}")
