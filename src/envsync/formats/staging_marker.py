"""Staging directories: hidden directories beside an environment that envsync builds in, and their markers.

A staging directory is marked before anything else is in it, so that what a killed pass leaves
can be recognised by the next one. Pure: names and texts only.
"""

import json
from dataclasses import asdict, dataclass

PREFIX = ".envsync-"
MARKER = "envsync.json"
"""In a staging directory: the file that says what it is for."""
BUILT = "env"
"""In a staging directory: the environment that is built, or after the exchange the one that it replaced.

Where several are created as a group, the others beside it have a number behind the name.
"""
SCRATCH = "scratch"
"""In a staging directory: throw-away work."""
FORMER = "former"
"""In a staging directory: the former environment, while it is moved away where the two cannot be exchanged in one step.
"""

LOST_AND_FOUND = "lost+found"
"""What is at the top of a file system of its own: it belongs to that, and stays there."""


@dataclass(frozen=True, slots=True)
class Marker:
    """What a staging directory is for."""

    name: str
    path: str
    end: str
    kind: str = "staging"
    """``staging``, ``generation`` for a former content that is kept, or ``temporary`` for temporary files."""
    made: str = ""
    """When it became a generation, ISO 8601."""
    irreplaceable: bool = False
    """Whether a generation holds what no installer brings back: then no later rebuild removes it."""
    discard: bool = False
    """Whether what is exchanged for what was built may be thrown away: all that is in it has been taken over."""
    built: int | None = None
    """The inode of the environment that was built, written down before it is exchanged for the former one, or moved."""
    manifest: str = ""
    """The file of the manifest for which it was made."""
    pin: str = ""
    """The interpreter link that the manifest is being given while a rollback to a generation is under way."""
    moves_to: str = ""
    """Where the environment at ``end`` is being moved; the staging directory then holds nothing, and is there for as
    long.
    """
    contents: dict[str, int] | None = None
    """Where contents are exchanged one by one: the inodes of the new entries by name."""
    copied: str = ""
    """The directory of which the staging directory holds a copy that is taking its place: it could not be renamed."""
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
"""Keys in the file that are not named as the field is: generations of earlier releases have them."""
_FIELDS = {key: name for name, key in _KEYS.items()}


def is_staging_dir_name(name: str) -> bool:
    """Check whether a directory may be a staging directory by its name."""
    token = name.removeprefix(PREFIX)
    return token != name and len(token) == 16 and all(digit in "0123456789abcdef" for digit in token)  # noqa: PLR2004


def read_marker(text: str) -> Marker | None:
    """Read a marker; ``None`` where it is none of envsync's, or was cut short."""
    try:
        fields = {_FIELDS.get(key, key): value for key, value in json.loads(text).items()}
        marker = Marker(**fields)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    if not all(isinstance(getattr(marker, key), kinds) for key, kinds in _KINDS.items()):
        return None
    names = marker.contents or {}
    plain = all(name not in {"", ".", ".."} and "/" not in name and "\0" not in name for name in names)
    return marker if plain and all(isinstance(inode, int) for inode in names.values()) else None


def write_marker(marker: Marker) -> str:
    """Return a marker's text."""
    fields = {_KEYS.get(name, name): value for name, value in asdict(marker).items()}
    return json.dumps(fields, indent=1) + "\n"


def built_name(number: int) -> str:
    """Return an environment in the staging directory of a group, counted from 0."""
    return f"{BUILT}-{number}" if number else BUILT


def is_built_name(name: str) -> bool:
    """Check whether an entry of a staging directory is an environment that is built."""
    return name == BUILT or (name.startswith(f"{BUILT}-") and name[len(BUILT) + 1 :].isdecimal())


def lock_name(key: str) -> str:
    """Return the name of the lock file for a key."""
    import hashlib  # noqa: PLC0415  # it loads OpenSSL

    return f"{hashlib.sha256(key.encode(errors='surrogateescape')).hexdigest()[:32]}.lock"


def parent_of(end: str) -> str:
    """Return the directory beside ``end`` that holds its staging directories, where it can be exchanged."""
    return end.rpartition("/")[0] or "/"
