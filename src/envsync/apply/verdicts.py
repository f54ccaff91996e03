"""Return what is known of installed packages, and ask installers for what is not, with what asking takes."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from envsync.apply.build import BUILD_LIMIT
from envsync.cache.store import Cache, state_directories
from envsync.model.interpreter import Facts
from envsync.observe.processes import temporary_files_in
from envsync.observe.verdicts import Verdicts

if TYPE_CHECKING:
    from envsync.formats.installers.command import Installer


def remembered_verdicts(cache: Cache) -> Verdicts:
    """Return what is known of installed packages: by what earlier passes found, and by asking installers.

    pip is unpacked into the cache's directory, or where that cannot be into a temporary directory.
    """
    used: list[Installer] = []
    places: list[str] = []

    def find(name: str, facts: Facts) -> "Installer":
        from envsync.apply.installers import find_installer  # noqa: PLC0415  # only where one has to be asked

        used.append(find_installer(name, facts.minor, facts.stdlib, cache.directory, lambda: places[-1]))
        return used[-1]

    @contextlib.contextmanager
    def building(paths: Iterable[str]) -> Iterator[None]:
        from envsync.apply.installers import keep_byte_code_of  # noqa: PLC0415
        from envsync.write.user_files import temporary_directory  # noqa: PLC0415

        with temporary_directory() as place, _building(paths), temporary_files_in(place):
            places.append(place)
            try:
                yield
            finally:
                places.pop()
        while used:
            keep_byte_code_of(used.pop())

    return Verdicts(cache, find, building)


@contextlib.contextmanager
def _building(paths: Iterable[str]) -> Iterator[None]:
    """Hold the locks of source directories, where there are any: one build of each at a time."""
    from envsync.write.locks import hold_sources  # noqa: PLC0415  # only where an installer has to be asked

    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # where no lock can be made, nothing can be installed either
            stack.enter_context(hold_sources(state_directories()[0], paths, BUILD_LIMIT))
        yield
