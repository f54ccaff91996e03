"""Find the links that envsync made to environments, and that the manifest no longer declares."""

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from envsync.formats import link_record, pyvenv_cfg
from envsync.formats.shebang import launched
from envsync.model.desired import Manifest
from envsync.model.environment import FormerLink, Orphan
from envsync.observe.declared_links import DeclaredLinks
from envsync.observe.files import is_same_manifest, listed_names, read_text
from envsync.observe.links import walk


def path_link(path: str, end: str, settings: Mapping[str, str]) -> FormerLink | None:
    """Return the symlink at the path of the environment at ``end``, if that records it in its ``settings``."""
    text = link_record.parse(settings.get(link_record.KEY)).get(path, "")
    return next(present(path, text, end, is_command=False), None) if text and _leads(text, end) else None


class FormerLinks:
    """Finds the links that envsync made for one manifest, and that nothing declares any longer.

    They are those that environments record in their ``pyvenv.cfg``: a link that is in no record is the user's, whatever
    it holds. Nothing that leads to an orphan which has to stay counts.
    """

    def __init__(self, manifest: Manifest, declared: DeclaredLinks | None = None) -> None:
        """Take what is declared, and that by its links where it was asked for before."""
        self._manifest = manifest
        self._declared = declared or DeclaredLinks(manifest)

    def recorded(self, end: str, settings: Mapping[str, str]) -> tuple[FormerLink, ...]:
        """Return those in the record of the environment at ``end``, whose ``pyvenv.cfg`` says ``settings``."""
        made_for = settings.get("envsync-manifest", "")
        if link_record.KEY not in settings or (made_for and not is_same_manifest(made_for, self._manifest.file)):
            return ()
        return tuple(self._present(link_record.parse(settings[link_record.KEY]), end))

    def find(self, orphans: Iterable[Orphan]) -> tuple[FormerLink, ...]:
        """Return all of them: those to declared environments, and those of :meth:`to_undeclared`."""
        listed = tuple(orphans)
        found = [former for end in self._ends() for former in self._at(end)]
        found += self.to_undeclared(one.end for one in listed if not one.stays and one.path not in self._declared.paths)
        staying = {one.end for one in listed if one.stays}
        return tuple({one.link: one for one in found if one.end not in staying}.values())

    def to_undeclared(self, orphans: Iterable[str]) -> tuple[FormerLink, ...]:
        """Return those to ``orphans``, real directories, and to what else of this manifest ``bin-dir`` leads to."""
        ends = dict.fromkeys((*orphans, *self._in_bin_dir())).keys() - self._ends()
        return tuple(former for end in sorted(ends) for former in self._at(end))

    def _in_bin_dir(self) -> Iterator[str]:
        """Yield the environments with this manifest's marks that ``bin-dir`` leads to, except other machines'."""
        for name in listed_names(self._manifest.bin_dir):
            place = held(f"{self._manifest.bin_dir}/{name}").rpartition("/bin/")[0]
            if not place.startswith("/"):
                continue
            end = os.path.realpath(place)
            settings = _settings(end)
            is_own = is_same_manifest(settings.get("envsync-manifest", ""), self._manifest.file)
            if is_own and settings.get("envsync-name") not in self._manifest.elsewhere:
                yield end

    def _ends(self) -> set[str]:
        return {walk(one.path).end for one in self._manifest.environments}

    def _at(self, end: str) -> tuple[FormerLink, ...]:
        return self.recorded(end, _settings(end))

    def _present(self, made: Mapping[str, str], end: str) -> Iterator[FormerLink]:
        for link, text in sorted(made.items()):
            place, _, command = text.rpartition("/bin/")
            is_command = bool(place) and "/" not in command
            # A record that somebody made up claims no link that leads elsewhere.
            leads_there = (is_command and _leads(place, end)) or _leads(text, end)
            if text.startswith("/") and leads_there and not self._declared.has(link, text):
                found = present(link, text, end, is_command=is_command)
                yield from (one for one in found if not self._really_declared.has(link, text))

    @cached_property
    def _really_declared(self) -> DeclaredLinks:
        """The same by real directories: a link may be declared through another one, a home's for example."""
        return DeclaredLinks(self._manifest, _real)


def held(link: str) -> str:
    """Return what a symlink holds, or a script of envsync's runs; empty for anything else."""
    return os.readlink(link) if os.path.islink(link) else launched(read_text(link)) or ""


def _real(link: str) -> str:
    """Return the real path of a link itself."""
    directory, name = os.path.split(link)
    return os.path.join(os.path.realpath(directory), name)


def _settings(end: str) -> dict[str, str]:
    return dict(pyvenv_cfg.parse(read_text(f"{end}/pyvenv.cfg")))


def _leads(place: str, end: str) -> bool:
    """Check whether a path leads to an environment, or did before the path was removed."""
    return os.path.realpath(place) == end or not os.path.lexists(place)


def present(link: str, text: str, end: str, *, is_command: bool) -> Iterator[FormerLink]:
    """Yield a link if it holds exactly ``text``, or runs it, and is this user's."""
    try:
        found = os.lstat(link)
        if held(link) != text or found.st_uid != os.geteuid():
            return
    except (OSError, ValueError):
        return
    yield FormerLink(link, text, (found.st_dev, found.st_ino), end, is_command)
