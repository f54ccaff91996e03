"""Find the links that envsync made to environments, and that the manifest no longer declares."""

import os
from collections.abc import Iterable, Iterator, Mapping

from envsync.formats import link_record, pyvenv_cfg
from envsync.formats.shebang import launched
from envsync.model.desired import Environment, Manifest
from envsync.model.environment import FormerLink, Orphan
from envsync.observe.files import is_same_manifest, listed_names, read_text
from envsync.observe.links import walk


def path_link(path: str, end: str) -> FormerLink | None:
    """Return the symlink at the path with which the environment at ``end`` is marked, if it is as envsync makes it.

    That is one which leads straight to the environment's directory, over no further symlink of that name.
    """
    text = os.readlink(path) if os.path.islink(path) else ""
    target = os.path.join(os.path.dirname(path), text)
    if not text or text.endswith("/") or os.path.islink(target) or os.path.realpath(target) != end:
        return None
    return next(present(path, text, end, is_command=False), None)


class FormerLinks:
    """Finds the links that envsync made for one manifest, and that nothing declares any longer.

    They are known by the record in ``pyvenv.cfg``; in ``bin-dir`` those to an environment without one, and to an
    orphan, by what they hold. Nothing that leads to an orphan which has to stay counts.
    """

    def __init__(self, manifest: Manifest) -> None:
        """Take what is declared."""
        self._manifest = manifest
        self._declared = {link for one in manifest.environments for link in _links_of(one)}
        self._all = {
            (os.path.dirname(every.link), one.path): {each.command for each in one.expose}
            for one in manifest.environments
            for every in one.expose
            if every.stands_for_all
        }
        self._paths = {place for one in manifest.environments for place in (one.path, one.target) if place}

    def recorded(self, end: str, settings: Mapping[str, str]) -> tuple[FormerLink, ...]:
        """Return those in the record of the environment at ``end``, whose ``pyvenv.cfg`` says ``settings``."""
        made_for = settings.get("envsync-manifest", "")
        if link_record.KEY not in settings or (made_for and not is_same_manifest(made_for, self._manifest.file)):
            return ()
        return tuple(self._present(link_record.parse(settings[link_record.KEY]), end))

    def find(self, orphans: Iterable[Orphan]) -> tuple[FormerLink, ...]:
        """Return all of them: those to declared environments, to ``orphans``, and others that ``bin-dir`` leads to."""
        staying, going = set(), {}
        for one in orphans:
            if one.stays:
                staying.add(one.end)
            elif one.path not in self._paths:
                going[one.path] = one.end
        ends = (*(walk(one.path).end for one in self._manifest.environments), *going.values())
        found = [former for end in ends for former in self.recorded(end, _settings(end))]
        for name in listed_names(self._manifest.bin_dir):
            link = f"{self._manifest.bin_dir}/{name}"
            text = held(link)
            place, _, command = text.rpartition("/bin/")
            if place in going:
                found += self._present({link: text}, going[place])
            elif place.startswith("/") and "/" not in command and os.path.realpath(place) not in staying:
                found += self._undeclared(link, text, place)
        return tuple({one.link: one for one in found}.values())

    def _undeclared(self, link: str, text: str, place: str) -> Iterator[FormerLink]:
        """Yield what leads to an environment with this manifest's marks, unless another machine declares it."""
        end = os.path.realpath(place)
        settings = _settings(end)
        marked = is_same_manifest(settings.get("envsync-manifest", ""), self._manifest.file)
        names_place = place in self._paths or settings.get("envsync-path") == place
        if marked and names_place and settings.get("envsync-name") not in self._manifest.elsewhere:
            yield from self.recorded(end, settings)
            if link_record.KEY not in settings or not os.path.islink(link):  # a script is envsync's in any case
                yield from self._present({link: text}, end)

    def _present(self, made: Mapping[str, str], end: str) -> Iterator[FormerLink]:
        for link, text in sorted(made.items()):
            place, _, command = text.rpartition("/bin/")
            is_command = bool(place) and "/" not in command
            # A record that somebody made up claims no link that leads elsewhere.
            leads_there = (is_command and _leads(place, end)) or _leads(text, end)
            is_declared = link in self._paths or (link, text) in self._declared or self._is_one_of_all(link, text)
            if text.startswith("/") and leads_there and not is_declared:
                yield from present(link, text, end, is_command=is_command)

    def _is_one_of_all(self, link: str, text: str) -> bool:
        """Check whether ``*`` stands for a link: to a command that is there, or of an environment that is not."""
        place, _, command = text.rpartition("/bin/")
        named = self._all.get((os.path.dirname(link), place))
        return (
            named is not None and command not in named and (os.path.lexists(text) or not os.path.isdir(f"{place}/bin"))
        )


def held(link: str) -> str:
    """Return what a symlink holds, or a script of envsync's runs; empty for anything else."""
    return os.readlink(link) if os.path.islink(link) else launched(read_text(link)) or ""


def _links_of(environment: Environment) -> Iterator[tuple[str, str]]:
    yield from ((alias, environment.path) for alias in environment.aliases)
    yield from ((one.link, f"{environment.path}/bin/{one.command}") for one in environment.expose)


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
