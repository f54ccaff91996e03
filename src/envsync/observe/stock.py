"""Take stock of what is installed in an environment, from its metadata on disk alone."""

import os
from collections.abc import Iterable, Iterator, Mapping

from envsync.observe.libraries import is_lib64_alias
from envsync.observed import Distribution, Stock

__all__ = ["is_leftover", "metadata_places", "read_all", "read_stock", "site_folders"]


def read_all(end: str, libraries: tuple[str, ...]) -> dict[str, Distribution | None]:
    """Read each distribution in an environment by the place of its metadata, and also what pip has left over.

    ``None`` where the metadata does not tell what it is of.
    """
    from envsync.observe.distribution import read_distribution  # noqa: PLC0415  # it costs as much as the rest of a pass

    return {place: read_distribution(place) for place in metadata_places(end, libraries, leftovers=True)}


def read_stock(
    end: str,
    libraries: tuple[str, ...],
    *,
    loose: bool = False,
    others: tuple[str, ...] = (),
    read: Mapping[str, Distribution | None] | None = None,
) -> Stock:
    """Read the distributions in the ``site-packages`` folders of an environment, unless they were ``read`` before.

    One that is seen twice, through a linked folder or a linked ``dist-info``, counts once. Metadata that is broken is
    told, not raised. With ``loose``, what no distribution claims is listed as well, which reads every ``RECORD``,
    those in the libraries ``others`` too.
    """
    from envsync.observe.loose import find_loose  # noqa: PLC0415  # only where it is asked for

    found: dict[str, Distribution] = {}
    broken: list[str] = []
    for place, one in (read_all(end, libraries) if read is None else read).items():
        if is_leftover(place):
            continue
        if one is None:
            broken.append(os.path.basename(place))
        else:
            found.setdefault(one.name, one)
    unclaimed = tuple(find_loose(end, (*libraries, *others), _checkouts(end, found.values()))) if loose else None
    return Stock(tuple(found.values()), tuple(broken), unclaimed)


def _checkouts(end: str, distributions: Iterable[Distribution]) -> Iterator[str]:
    """Return what pip has cloned for editable installs: ``src/NAME`` in the environment itself."""
    for one in distributions:
        place = one.origin.requirement if one.origin is not None and one.origin.editable else ""
        if place.startswith(f"{end}/src/"):
            yield place[len(end) + 1 :]


def is_leftover(place: str) -> bool:
    """Check whether pip had put something aside, to remove it once its successor is installed: ``~lask`` of flask."""
    return os.path.basename(place).startswith("~")


def metadata_places(end: str, libraries: tuple[str, ...], *, leftovers: bool = False) -> Iterator[str]:
    """Give where the metadata of each distribution is, each place once however many links lead to it.

    With ``leftovers`` also that of distributions that pip had put aside, which are not installed.
    """
    seen: set[str] = set()
    for site in site_folders(end, libraries):
        real_site = os.path.realpath(site)
        for name in sorted(os.listdir(site)):
            place = f"{site}/{name}"
            if name.endswith((".dist-info", ".egg-info", ".egg-link")) and (leftovers or not is_leftover(name)):
                real = os.path.realpath(place) if os.path.islink(place) else f"{real_site}/{name}"
                if real not in seen:
                    seen.add(real)
                    yield place


def site_folders(end: str, libraries: tuple[str, ...]) -> list[str]:
    """Give the ``site-packages`` folders of an environment, without those that are others by another name."""
    names = [f"{library}/site-packages" for library in libraries]
    if names and is_lib64_alias(end):
        names = [f"lib/{name[6:]}" if name.startswith("lib64/") else name for name in names]
    found: dict[str, str] = {}
    for folder in (f"{end}/{name}" for name in dict.fromkeys(names)):
        if os.path.isdir(folder):
            found.setdefault(os.path.realpath(folder), folder)
    return list(found.values())
