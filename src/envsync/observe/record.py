"""Compare the files of installed distributions with what their ``RECORD`` says (PEP 376, PEP 627)."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from envsync.formats import record, shebang
from envsync.formats.dependency_specifiers import canonical_name
from envsync.formats.record import Row
from envsync.formats.shebang import is_activator, is_python_name
from envsync.model.dataclass import dataclass
from envsync.model.packages import Damage, Distribution
from envsync.observe.files import Digests, read_regular, read_text, recorded_digest
from envsync.observe.libraries import is_lib64_alias
from envsync.observe.packages import is_partial, read_all, read_origin, site_directories
from envsync.observe.unowned import is_installers_link

_LARGEST = 64 << 20
"""Bytes of a ``RECORD``: no distribution has a million files."""
_ALGORITHMS = hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}
_NEEDED = ("METADATA", "INSTALLER")
"""What installers write beside ``RECORD``, the last of them when all else is there."""


@dataclass(frozen=True, slots=True)
class _Installed:
    """One distribution with wheel metadata, as it stands on the disk."""

    place: str
    package: Distribution
    rows: tuple[Row, ...]
    unchecked: str
    """Why the rows tell nothing, if so."""


def find_damage(
    end: str,
    libraries: tuple[str, ...],
    read: Mapping[str, Distribution | None] | None = None,
    digests: Digests | None = None,
) -> tuple[Damage, ...]:
    """Look at every file that the distributions of an environment list; ``read`` is what was read of them before.

    With ``digests``, files are not read again that were read for another environment, or that nothing can have changed.

    Gives one value for each distribution that is damaged, or cannot be checked. Files that several of them list are
    sound if they are what one of them lists; what is missing of byte code is no damage.
    """
    read = read_all(end, libraries) if read is None else read
    installed = [known for place, one in read.items() if place.endswith(".dist-info") and (known := _read(place, one))]
    check = _Check(end, installed, digests)
    compared = [check.compare(one) for one in installed]
    remnants = list(_remnants(end, libraries, installed))
    damaged = [one for one in _merge(compared, remnants) if one.damaged or one.partial]
    legacy = [one for place, one in read.items() if not place.endswith(".dist-info")]
    return (
        *(replace(one, links=tuple(_links(end, one))) for one in damaged),
        *(Damage(one, "", unchecked="it was installed without a RECORD") for one in legacy if one is not None),
    )


def listed_files(end: str, metadata: str) -> tuple[str, ...]:
    """Return the files that a metadata directory lists, relative; never what makes the environment one."""
    rows, _ = _read_rows(f"{end}/{metadata}")
    inside = {row.file[len(end) + 1 :] for row in rows if _is_inside(row, end)}
    if is_lib64_alias(end):
        inside = {f"lib/{one[6:]}" if one.startswith("lib64/") else one for one in inside}
    return tuple(sorted(one for one in inside if not _is_environments(one)))


def _is_environments(relative: str) -> bool:
    directory, _, name = relative.rpartition("/")
    return relative == "pyvenv.cfg" or (directory == "bin" and (is_python_name(name) or is_activator(name)))


def _read(place: str, package: Distribution | None) -> _Installed | None:
    """Read what a metadata directory lists; ``None`` for one that pip had put aside, and that tells nothing."""
    rows, unchecked = _read_rows(place)
    if package is not None and any(row.name.endswith(".dist-info/REQUESTED") for row in rows):
        package = replace(package, requested=True)
    if is_partial(place):
        return None if package is None else _Installed(place, package, rows, "pip had put it aside")
    return _Installed(place, package or _named(place), rows, unchecked)


def _named(place: str) -> Distribution:
    """Return from the name of a metadata directory what it is of; nothing where it does not tell."""
    name, _, version = os.path.basename(place).removesuffix(".dist-info").partition("-")
    try:
        origin = read_origin(read_text(f"{place}/direct_url.json"))
    except ValueError:
        origin = None
    return Distribution(canonical_name(name), version, origin=origin, requested=os.path.lexists(f"{place}/REQUESTED"))


def _read_rows(place: str) -> tuple[tuple[Row, ...], str]:
    """Read a ``RECORD``; gives its rows, or why there are none."""
    try:
        content = read_regular(f"{place}/RECORD", _LARGEST)
    except OSError as error:
        return (), f"RECORD cannot be read: {error.strerror}"
    if content is None:
        return (), "RECORD is gone"
    site = os.path.dirname(place)
    try:
        rows = record.parse(content.decode("utf-8", "surrogateescape"), site)
    except ValueError:
        return (), "RECORD is malformed"
    if not any(row.file == f"{place}/METADATA" for row in rows):  # uv takes an empty one, and adds what it writes
        return rows, "RECORD is malformed"
    return rows, "" if len(content) < _LARGEST else "RECORD is malformed"


def _is_inside(row: Row, end: str) -> bool:
    return row.file.startswith(f"{end}/")


def _is_byte_code(file: str) -> bool:
    """Check whether Python writes a file by itself, whenever it wants; virtualenv lists the directories as well."""
    return file.endswith((".pyc", "/__pycache__")) or "/__pycache__/" in file


class _Check:
    """Compares files with the rows that list them, each file once."""

    def __init__(self, end: str, installed: Iterable[_Installed], digests: Digests | None) -> None:
        self._end = end
        self._inside = f"{end}/"
        self._digests = digests
        self._rows: dict[str, list[Row]] = {}
        for one in installed:
            for row in () if is_partial(one.place) else one.rows:
                self._rows.setdefault(row.file, []).append(row)
        self._seen: dict[str, str] = {}

    def compare(self, one: _Installed) -> Damage:
        """Compare all files of a distribution."""
        info = os.path.basename(one.place)
        names = {f"{one.place}/{name}": f"{info}/{name}" for name in _NEEDED}
        names |= {row.file: row.name for row in one.rows if not _is_byte_code(row.file)}
        looked = ((name, self._look(file)) for file, name in names.items())
        found = [] if is_partial(one.place) else [(name, state) for name, state in looked if state]
        origin = f"{info}/direct_url.json"
        lost = (one.package.origin is None and os.path.lexists(f"{one.place}/direct_url.json")) or any(
            name == origin for name, _ in found
        )
        return Damage(
            one.package,
            os.path.relpath(one.place, self._end),
            missing=tuple(name for name, state in found if state == "missing"),
            changed=tuple(name for name, state in found if state == "changed"),
            unchecked=one.unchecked,
            known=bool(one.package.name and one.package.version) and not lost,
        )

    def _look(self, file: str) -> str:
        """Return ``missing``, ``changed``, or nothing for a file that is as it should be."""
        known = self._seen.get(file)
        if known is None:
            known = self._seen[file] = self._state(file)
        return known

    def _state(self, file: str) -> str:
        if not file.startswith(self._inside):
            return "" if os.path.lexists(file) else "missing"
        try:
            found = os.stat(file)
        except OSError:
            return "missing"
        claims = [claim for claim in self._rows.get(file, ()) if claim.digest]
        if not claims:
            return ""
        if stat.S_ISREG(found.st_mode):
            for claim in claims:
                if _matches(claim, found, self._digests):
                    return ""
        return "" if self._is_script(file) else "changed"

    def _is_script(self, file: str) -> bool:
        """Check whether a file is a script of a Python's: whoever moves an environment rewrites its first line."""
        if os.path.dirname(file) != f"{self._end}/bin" or not os.path.isfile(file):
            return False
        head = read_text(os.path.realpath(file), shebang.HEAD).encode(errors="surrogateescape")
        interpreter = shebang.named_interpreter(head)
        return interpreter is not None and is_python_name(os.path.basename(interpreter))


def _matches(row: Row, found: os.stat_result, digests: Digests | None) -> bool:
    if row.size and int(row.size) != found.st_size:
        return False
    algorithm, _, value = row.digest.partition("=")
    if algorithm not in _ALGORITHMS:
        return True  # of another age: its size has to do
    if digests is not None and row.size:
        return digests.match(row.file, found, algorithm, value)
    return recorded_digest(row.file, algorithm) == value


def _remnants(end: str, libraries: tuple[str, ...], installed: list[_Installed]) -> Iterator[tuple[str, str]]:
    """Find what pip had put aside and did not come to remove: ``~lask`` for ``flask``; each with its distribution."""
    known = {one.place for one in installed}
    tails: dict[str, str] = {}
    for one in installed:
        tops = {row.name.partition("/")[0] for row in one.rows if "/" in row.name} | {os.path.basename(one.place)}
        tails |= dict.fromkeys((top[1:] for top in tops), one.package.name)
    for site in site_directories(end, libraries):
        for name in sorted(os.listdir(site)):
            place = f"{site}/{name}"
            if is_partial(place) and name[1:] in tails and place not in known:
                yield place[len(end) + 1 :], tails[name[1:]]


def _merge(compared: list[Damage], remnants: list[tuple[str, str]]) -> Iterator[Damage]:
    """Return one value for each name: of several metadata directories the sound one counts, the others are remnants."""
    names: dict[str, list[Damage]] = {}
    for one in sorted(compared, key=lambda one: (is_partial(one.metadata), one.damaged)):
        names.setdefault(one.package.name, []).append(one)
    for name, (first, *others) in names.items():
        left = [one.metadata for one in others if one.damaged] + [place for place, owner in remnants if owner == name]
        if is_partial(first.metadata):
            left.insert(0, first.metadata)
        yield replace(first, partial=tuple(left))


def _links(end: str, damage: Damage) -> Iterator[str]:
    """Find the symlinks among and on the way to the files that putting it right would replace: they are the user's."""
    listed = listed_files(end, damage.metadata) if damage.damaged else ()
    entries = {*listed, *damage.partial, damage.metadata}
    for entry in [*entries]:
        directory = os.path.dirname(entry)
        while directory and directory not in entries:
            entries.add(directory)
            directory = os.path.dirname(directory)
    rows, _ = _read_rows(f"{end}/{damage.metadata}")
    digests = {row.file: row.digest for row in rows}
    for entry in sorted(entries):
        place = f"{end}/{entry}"
        if os.path.islink(place) and not (place in digests and is_installers_link(place, digests[place])):
            yield entry
