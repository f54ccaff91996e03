"""Compare what an environment was built for, and where its packages are, with what its interpreter is now. Pure."""

from collections.abc import Iterator

from envsync.model.environment import Environment, library_name
from envsync.model.interpreter import Facts
from envsync.model.plan import Drift


def reasons_to_rebuild(found: Environment, facts: Facts) -> Iterator[Drift]:
    """Yield each reason for which repairing an environment is not enough."""
    implementation = _implementation(found, facts)
    if implementation != facts.implementation:
        message = f"built for {implementation}, the link is now {facts.implementation}"
        yield Drift("python-implementation", message, before=implementation, after=facts.implementation)
    built_for = found.built_for
    is_there = facts.library in found.libraries
    if built_for not in {None, facts.minor}:
        yield _minor_drift(_label(found, facts), facts)
    elif is_there and built_for == facts.minor and (drift := _build_drift(found, facts)):
        yield drift
    elif is_there:
        yield from _unseen_packages(found, facts)
    elif built_for is None and found.libraries and library_name(found.libraries[0]):
        yield _minor_drift(_label(found, facts), facts)
    else:
        yield _own_library_gone(found, facts)
    if not found.has_bin:
        yield Drift("layout", "bin is gone, and the commands in it")


def _minor_drift(built_for: str, facts: Facts) -> Drift:
    more = f", whose packages are in {facts.library}" if facts.label == built_for else ""
    message = f"built for {built_for}, the link is now {facts.label}{more}"
    return Drift("python-minor", message, before=built_for, after=facts.label)


def _build_drift(found: Environment, facts: Facts) -> Drift | None:
    """Return another ABI or platform, where the environment says for which it was built; an older one says less."""
    for key, now in (("envsync-abi", facts.abi), ("envsync-platform", facts.platform)):
        held = found.setting(key)
        if held and now and held != now:
            message = f"built for {held}, the link is now {now}"
            return Drift("python-implementation", message, before=held, after=now)
    return None


def _label(found: Environment, facts: Facts) -> str:
    """Name what an environment was built for: the version in ``pyvenv.cfg``, with what only its library tells."""
    names = [one.rpartition("/")[2].removeprefix("python") for one in found.libraries if one != facts.library]
    if found.built_for is None:
        return names[0] if names else facts.label
    return next((name for name in names if name.rstrip("td").endswith(found.built_for)), found.built_for)


def _own_library_gone(found: Environment, facts: Facts) -> Drift:
    """Return what is there instead of the library of the environment's own Python."""
    own = library_name(facts.library).rstrip("td")
    others = [one for one in found.libraries if library_name(one).rstrip("td") == own]
    if others:  # free-threaded and not, or another implementation: one version, two libraries
        return _minor_drift(_label(found, facts), facts)
    instead = f"; {found.libraries[0]} is there instead" if found.libraries else ""
    return Drift("layout", f"{facts.library}/site-packages is gone{instead}")


def _unseen_packages(found: Environment, facts: Facts) -> Iterator[Drift]:
    """Yield which packages are left in libraries that the environment's own Python does not import from."""
    unseen = [library for library in found.contents.populated if library not in facts.libraries]
    if unseen:
        same = all(library_name(one) == library_name(facts.library) for one in unseen)
        message = f"Python {facts.minor} does not see the packages in {', '.join(unseen)}"
        yield Drift("layout" if same else "python-minor", message)


def _implementation(found: Environment, facts: Facts) -> str:
    named = found.setting("implementation")
    if named:
        return named.lower()
    if facts.library in found.libraries:
        return facts.implementation
    libraries = " ".join(found.libraries)
    return next((name for name in ("pypy", "graalpy") if f"/{name}" in libraries), "cpython")
