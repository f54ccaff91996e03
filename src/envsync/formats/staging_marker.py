"""Staging directories: hidden directories beside an environment that envsync builds in, and their markers.

A staging directory is marked before anything else is in it: so the next pass recognises what a killed one leaves.
"""

import json
from dataclasses import asdict
from hashlib import blake2b

from envsync.model.dataclass import dataclass

PREFIX = ".envsync-"
MARKER = "envsync.json"
"""In a staging directory: the file that identifies it."""
BUILT = "env"
"""In a staging directory: the environment that is built, or after the swap the one that it replaced.

The others of a batch have a number behind the name.
"""
SCRATCH = "scratch"
"""In a staging directory: temporary work."""
FORMER = "former"
"""In a staging directory: the former environment, where it cannot be swapped in one step but is moved away first."""

LOST_AND_FOUND = "lost+found"
"""At the top of a file system: it belongs to that, and stays."""


@dataclass(frozen=True, slots=True)
class Marker:
    """What a staging directory is for."""

    name: str
    path: str
    end: str
    kind: str = "staging"
    """``staging``, ``generation``, or ``temporary`` for temporary files."""
    made: str = ""
    """When it became a generation, ISO 8601."""
    irreplaceable: bool = False
    """Whether a generation holds what no installer restores: then no rebuild removes it."""
    discard: bool = False
    """Whether the replaced environment may be removed, as everything in it has been taken over."""
    built: int | None = None
    """The inode of the built environment, recorded before it is swapped or moved."""
    manifest: str = ""
    """The file of the manifest for which it was made."""
    pin: str = ""
    """During a rollback to a generation: the interpreter link that is being written into the manifest."""
    moves_to: str = ""
    """Where the environment at ``end`` is being moved; the staging directory is then empty, and only marks that."""
    contents: dict[str, int] | None = None
    """Where entries are swapped one by one: the inodes of the new ones by name."""
    copied: str = ""
    """The directory that a copy in the staging directory is replacing, as it cannot be renamed."""
    envsync: int = 1


_KINDS: dict[str, tuple[type, ...]] = {
    "envsync": (int,),
    "name": (str,),
    "end": (str,),
    "manifest": (str,),
    "kind": (str,),
    "made": (str,),
    "discard": (bool,),
    "irreplaceable": (bool,),
    "pin": (str,),
    "copied": (str,),
    "moves_to": (str,),
    "built": (int, type(None)),
    "contents": (dict, type(None)),
}


_KEYS = {"irreplaceable": "loose"}
"""Keys in the file that differ from the field, as generations of earlier releases have them."""
_FIELDS = {key: name for name, key in _KEYS.items()}


def partial_name(name: str) -> str:
    """Return the name of the temporary file for a file, the same each time."""
    return f"{PREFIX}{blake2b(name.encode(errors='surrogateescape'), digest_size=8).hexdigest()}"


def is_staging_dir_name(name: str) -> bool:
    """Check whether a name is that of a staging directory: ``.envsync-0123456789abcdef``."""
    token = name.removeprefix(PREFIX)
    return token != name and len(token) == 16 and all(digit in "0123456789abcdef" for digit in token)  # noqa: PLR2004


def read_marker(text: str) -> Marker | None:
    """Return the marker in a text; ``None`` where it is none, or was cut short."""
    try:
        fields = {_FIELDS.get(key, key): value for key, value in json.loads(text).items()}
        marker = Marker(**fields)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    if not all(isinstance(getattr(marker, key), kinds) for key, kinds in _KINDS.items()):
        return None
    entries = marker.contents or {}
    plain = all(name not in {"", ".", ".."} and "/" not in name and "\0" not in name for name in entries)
    return marker if plain and all(isinstance(inode, int) for inode in entries.values()) else None


def write_marker(marker: Marker) -> str:
    """Return a marker's text."""
    fields = {_KEYS.get(name, name): value for name, value in asdict(marker).items()}
    return json.dumps(fields, indent=1) + "\n"


def built_name(number: int) -> str:
    """Return the name of an environment in the staging directory of a batch, counted from 0."""
    return f"{BUILT}-{number}" if number else BUILT


def is_built_name(name: str) -> bool:
    """Check whether an entry of a staging directory is an environment."""
    return name == BUILT or (name.startswith(f"{BUILT}-") and name[len(BUILT) + 1 :].isdecimal())


def lock_name(key: str) -> str:
    """Return the name of the lock file for a key."""
    import hashlib  # noqa: PLC0415  # it loads OpenSSL

    return f"{hashlib.sha256(key.encode(errors='surrogateescape')).hexdigest()[:32]}.lock"


def parent_of(end: str) -> str:
    """Return the parent of ``end``, which holds its staging directories where it can be swapped as a whole."""
    return end.rpartition("/")[0] or "/"
