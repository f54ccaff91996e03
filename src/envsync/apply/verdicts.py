"""What passes found out of interpreters and of installed packages, and how to ask for what they did not."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envsync.apply.build import BUILD_LIMIT
from envsync.cache.store import state_directories
from envsync.model.interpreter import Facts
from envsync.observe.facts import FactsCache
from envsync.observe.processes import temporary_files_in
from envsync.observe.verdicts import Verdicts
from envsync.write.files import write_cache

if TYPE_CHECKING:
    from envsync.formats.installers.command import Installer


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier passes found out, and this one: it saves the next ones time."""

    directory: str | None
    """The directory of the caches; ``None`` where nothing is remembered."""
    facts: FactsCache
    verdicts: Verdicts

    @classmethod
    def read(cls, directory: str | None) -> "Known":
        """Return what is known by the caches in ``directory``; nothing where that is ``None``."""
        facts = FactsCache(None if directory is None else f"{directory}/interpreters")
        return cls(directory, facts, remembered_verdicts(directory and f"{directory}/verdicts", directory))

    def save(self) -> None:
        """Write down what is new; a failure to do so is no failure."""
        if self.directory is None:
            return
        for name, one in (("interpreters", self.facts), ("verdicts", self.verdicts)):
            if one.changed:
                with contextlib.suppress(OSError):
                    write_cache(f"{self.directory}/{name}", one.content())


def remembered_verdicts(file: str | None, cache: str | None) -> Verdicts:
    """Return what is known of installed packages: by the cache ``file``, and by asking installers.

    pip is unpacked into the directory ``cache``, or where that cannot be into a temporary directory.
    """
    used: list[Installer] = []
    places: list[str] = []

    def find(name: str, facts: Facts) -> "Installer":
        from envsync.apply.installers import find_installer  # noqa: PLC0415  # only where one has to be asked

        used.append(find_installer(name, facts.minor, facts.stdlib, cache, lambda: places[-1]))
        return used[-1]

    @contextlib.contextmanager
    def building(paths: Iterable[str]) -> Iterator[None]:
        from envsync.apply.installers import keep_byte_code_of  # noqa: PLC0415
        from envsync.write.trees import temporary_directory  # noqa: PLC0415

        with temporary_directory() as place, _building(paths), temporary_files_in(place):
            places.append(place)
            try:
                yield
            finally:
                places.pop()
        while used:
            keep_byte_code_of(used.pop())

    return Verdicts(file, find, building)


@contextlib.contextmanager
def _building(paths: Iterable[str]) -> Iterator[None]:
    """Hold the locks of source directories, where there are any: one build of each at a time."""
    from envsync.write.locks import hold_all  # noqa: PLC0415  # only where an installer has to be asked

    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # where no lock can be made, nothing can be installed either
            stack.enter_context(hold_all(state_directories()[0], paths, BUILD_LIMIT))
        yield
