"""What passes found about interpreters and installed packages, and how installers are asked about the rest."""

import contextlib
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
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
    places: ContextVar[tuple[str, contextlib.ExitStack]] = ContextVar("places")

    def find(name: str, facts: Facts) -> "Installer":
        from envsync.apply.installers import prepared  # noqa: PLC0415  # only where one has to be asked
        from envsync.observe.backends import find_installer  # noqa: PLC0415

        place, stack = places.get()
        return stack.enter_context(prepared(find_installer(name, facts), cache.directory, lambda: place))

    @contextlib.contextmanager
    def building(paths: Iterable[str]) -> Iterator[None]:
        from envsync.write.temporary import temporary_directory  # noqa: PLC0415

        with (
            temporary_directory() as place,
            _building(paths),
            temporary_files_in(place),
            contextlib.ExitStack() as stack,
        ):
            token = places.set((place, stack))
            try:
                yield
            finally:
                places.reset(token)

    return Verdicts(cache, find, building)


@contextlib.contextmanager
def _building(paths: Iterable[str]) -> Iterator[None]:
    """Hold the locks of source directories, where there are any: one build of each at a time."""
    from envsync.write.locks import hold_sources  # noqa: PLC0415  # only where an installer has to be asked

    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # where no lock can be made, nothing can be installed either
            stack.enter_context(hold_sources(state_directories()[0], paths, BUILD_LIMIT))
        yield
