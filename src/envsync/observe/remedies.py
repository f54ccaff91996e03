"""What to do about an interpreter that does not work, by its cause: with the command that brings it back here."""

import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator

from envsync.model.desired import PythonVersion
from envsync.model.interpreter import Candidate
from envsync.model.links import Chain, Hop
from envsync.model.system import VARIABLES
from envsync.observe.discover import VersionManager, install_roots, version_manager_of, version_managers_here
from envsync.observe.unrunnable import LEFT, Commands, Remedy

_INSTALL = {
    "pyenv": ("pyenv", "install", "{}"),
    "mise": ("mise", "install", "python@{}"),
    "asdf": ("asdf", "install", "python", "{}"),
    "uv": ("uv", "python", "install", "{}"),
    "Homebrew": ("brew", "install", "python@{}"),
}
"""The command with which each tool installs an interpreter, ``{}`` being the version."""
_INSTALL_AGAIN = {
    "pyenv": ("pyenv", "install", "--force", "{}"),
    "mise": ("mise", "install", "--force", "python@{}"),
    "uv": ("uv", "python", "install", "--reinstall", "{}"),
    "Homebrew": ("brew", "reinstall", "python@{}"),
}
_PACKAGES = {"apt-get": ("sudo", "apt", "install"), "dnf": ("sudo", "dnf", "install")}
"""How the system's packages are installed, by a command in ``/usr/bin`` that shows which system it is."""
_LINKLESS = frozenset({"pyenv", "asdf"})
"""Tools that make no link for a minor version, such as ``3.12``, when they install a patch release."""
_NAME = re.compile(r"python(\d+\.\d+)")
"""``python3.12``."""
_MOST = 3
"""Interpreters that a hint names."""
_NEWEST = 14
"""The newest minor version that tools are known to have; a request for a later one is for its first that fits."""


def of_nothing(link: str, chain: Chain, installed: Callable[[], Iterable[Candidate]]) -> Remedy:
    """Return what to do where a link leads to nothing; ``installed`` finds what could be used instead."""
    manager = version_manager_of(chain.end)
    version = manager.version if manager is not None else ""
    version = version or next((found[1] for found in map(_NAME.fullmatch, _names(link, chain)) if found), "")
    minor = ".".join(version.split(".")[:2])
    fit, others = _instead(link, minor, installed())
    relinked = _relinked(chain, manager, minor, fit)
    if relinked is not None:
        return relinked
    steps, commands = _installation(chain, manager, version)
    if manager is not None and manager.tool == "Homebrew" and any(_is_of(one, manager.tool) for one in fit):
        steps, commands = [], ()  # it is installed: the path is of a release that an upgrade has removed
    if fit:
        steps.append(f"use the Python {minor} that is here: {_python(fit[0].link)}")
    elif others:
        steps.append(f"use another that is here: {', '.join(_python(one.link) for one in others[:_MOST])}")
    first, *rest = steps or ["Install that Python, or name another link"]
    return Remedy(f"{'; or '.join([f'{first[0].upper()}{first[1:]}', *rest])}. {LEFT}", commands)


def of_request(request: PythonVersion) -> Remedy:
    """Return what to do where no installed interpreter fits a request."""
    version = _version_for(request)
    commands = [command for tool in _tools() if (command := _command(tool, version)) is not None] if version else []
    if not commands and version.replace(".", "").isdigit():
        commands = list(_system_packages(".".join(version.split(".")[:2])))
    else_ = "name an interpreter by its path"
    if not commands:
        return Remedy(f"Install it (pyenv, mise, uv, Homebrew or the system's packages), or {else_}.")
    return Remedy(f"Install it: {', or: '.join(map(shlex.join, commands))}; or {else_}.", (commands[0],))


def of_directory(link: str) -> Remedy:
    """Return what to do where a directory stands for an interpreter."""
    inner = next((name for name in ("bin/python", "bin/python3", "python") if os.path.isfile(f"{link}/{name}")), None)
    return Remedy(
        f"Name the executable in it: {_python(f'{link}/{inner}')}" if inner else "Name the executable itself."
    )


def of_loop(chain: Chain) -> Remedy:
    """Return what to do about links that lead in a circle."""
    links = circle_of(chain)
    shown = shlex.join(["ls", "-l", *(hop.link for hop in links[:_MOST])])
    return Remedy(f"Look at the links ({shown}) and let one of them lead to an interpreter. {LEFT}")


def of_unreadable(chain: Chain) -> Remedy:
    """Return what to do about something that cannot be looked at, or is no file."""
    return Remedy(f"See {shlex.join(['ls', '-ld', chain.end])}, and name an interpreter that you may run. {LEFT}")


def circle_of(chain: Chain) -> tuple[Hop, ...]:
    """Return the hops of a circle once, in order; those of the whole chain where it is none."""
    links = [hop.link for hop in chain.hops]
    first = next((number for number, link in enumerate(links) if links.count(link) > 1), 0)
    return chain.once[first:]


def of_failure(link: str, chain: Chain) -> Remedy:
    """Return what to do about an interpreter that runs, and fails."""
    manager = version_manager_of(chain.end)
    words = _INSTALL_AGAIN.get(manager.tool) if manager is not None and manager.version else None
    tried = shlex.join([link, "-c", "print(1)"])
    if os.path.basename(os.path.dirname(link)) == "shims":
        how = f"name the interpreter itself, such as {_python('~/.pyenv/versions/3.12.1/bin/python')}"
        return Remedy(
            f"It is a shim: what it runs depends on the directory. See what it says: {tried}; or {how}. {LEFT}"
        )
    if words is None or manager is None:
        return Remedy(f"Try it: {tried}. The environment is left as it is until the link works.")
    again = tuple(word.format(manager.version) for word in words)
    return Remedy(f"Install it again: {shlex.join(again)}; or see what it says: {tried}. {LEFT}", (again,))


def _names(link: str, chain: Chain) -> Iterator[str]:
    yield from map(os.path.basename, (chain.end, link))


def _instead(link: str, minor: str, installed: Iterable[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    """Return the interpreters that may be used instead: those of the same minor version, and others, the best first."""
    usable = [
        one
        for one in installed
        if one.implementation == "cpython" and one.version and one.link != link and not one.free_threaded
        if not one.floating and one.final
    ]
    usable.sort(key=lambda one: (one.version[:2], one.stable, one.version), reverse=True)
    by_minor: dict[tuple[int, ...], Candidate] = {}
    for one in usable:
        by_minor.setdefault(one.version[:2], one)
    return [one for one in usable if ".".join(map(str, one.version[:2])) == minor], list(by_minor.values())


def _is_of(candidate: Candidate, tool: str) -> bool:
    manager = version_manager_of(candidate.link)
    return manager is not None and manager.tool == tool


def _relinked(chain: Chain, manager: VersionManager | None, minor: str, fit: list[Candidate]) -> Remedy | None:
    """Return how a link such as pyenv's ``3.12``, which it does not make itself, leads to a tree that is there."""
    root = next((root for tool, root in install_roots() if manager is not None and tool == manager.tool), None)
    link = f"{root}/{minor}"
    if root is None or manager is None or manager.tool not in _LINKLESS or not minor:
        return None
    is_link = any(hop.link == link for hop in chain.hops)
    trees = [one.link.removeprefix(f"{root}/").partition("/")[0] for one in fit if one.link.startswith(f"{root}/")]
    trees = [tree for tree in trees if tree != minor]
    if not trees or not (is_link or f"{chain.end}/".startswith(f"{link}/")):
        return None
    command = ("ln", "-sfn" if is_link else "-s", trees[0], link)
    return Remedy(f"Let it lead to {trees[0]}, which is here: {shlex.join(command)}. {LEFT}", (command,))


def _installation(chain: Chain, manager: VersionManager | None, version: str) -> tuple[list[str], Commands]:
    """Return how what is missing gets installed: in words, and as commands where these alone do it."""
    match manager.tool if manager is not None else "":
        case "":
            return _from_conda(os.path.dirname(os.path.dirname(chain.end)))
        case "the system":
            found = tuple(_system_packages(version)) if version else ()
            return [f"install it: {shlex.join(command)} (where your release has it)" for command in found], found
        case "python.org":
            return ["install it from https://www.python.org/downloads/"], ()
        case tool:
            made = manager is not None and manager.stable and tool in _LINKLESS
            return _from_manager(tool, version, linked=made)


def _from_conda(prefix: str) -> tuple[list[str], Commands]:
    if not os.path.isdir(f"{prefix}/conda-meta"):
        return [], ()
    command = ("conda", "install", "-p", prefix, "python")
    return [f"install it: {shlex.join(command)}"], (command,)


def _from_manager(tool: str, version: str, *, linked: bool) -> tuple[list[str], Commands]:
    """Return how a version manager installs a version; if ``linked``, with a link of its minor version."""
    command = _command(tool, version) if version else None
    if command is None:
        return [], ()
    if not linked:
        return [f"install it: {shlex.join(command)}"], (command,)
    root = next(root for name, root in install_roots() if name == tool)
    latest = f"{tool} latest {'python ' if tool == 'asdf' else ''}{version}"
    link = shlex.quote(f"{root}/{version}")
    return [f'install it, and make the link: {shlex.join(command)} && ln -s "$({latest})" {link}'], ()


def _system_packages(minor: str) -> Iterator[tuple[str, ...]]:
    for name, words in _PACKAGES.items():
        if os.path.exists(f"/usr/bin/{name}"):
            yield (*words, f"python{minor}")


def _command(tool: str, version: str) -> tuple[str, ...] | None:
    plain = version.replace(".", "").isdigit()
    if tool not in _INSTALL or not (plain or tool in {"pyenv", "uv"}):
        return None
    shown = ".".join(version.split(".")[:2]) if tool == "Homebrew" else version
    return tuple(word.format(shown) for word in _INSTALL[tool])


_COMMANDS = {"pyenv": "pyenv", "mise": "mise", "asdf": "asdf", "uv": "uv", "brew": "Homebrew"}
"""Tools by their commands."""


def _tools() -> tuple[str, ...]:
    """Return the version managers that are on this machine: those with interpreters first."""
    places = [one for one in VARIABLES.get("PATH", "").split(":") if one.startswith("/")]
    on_path = (tool for command, tool in _COMMANDS.items() if any(os.path.exists(f"{one}/{command}") for one in places))
    return tuple(dict.fromkeys((*version_managers_here(), *on_path)))


def _version_for(request: PythonVersion) -> str:
    """Return the version to install for a request, as tools name it; empty if unknown."""
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415  # only where nothing fits

    if request.implementation not in {"cpython", "pypy"}:
        return ""
    exact = request.specifier.removeprefix("==").removesuffix(".*")
    if not exact.replace(".", "").isdigit():
        wanted = SpecifierSet(request.specifier)
        minors = [*range(_NEWEST, 6, -1), *range(_NEWEST + 1, _NEWEST + 20)]
        exact = next(
            (f"3.{minor}" for minor in minors if any(wanted.contains(f"3.{minor}.{patch}") for patch in range(30))), ""
        )
    if not exact:
        return ""
    return f"{'pypy' if request.implementation == 'pypy' else ''}{exact}{'t' if request.free_threaded else ''}"


def _python(link: str) -> str:
    """Return what to write in the manifest, which expands ``~``."""
    home = os.path.expanduser("~")
    return f'python = "~{link[len(home) :]}"' if link.startswith(f"{home}/") else f'python = "{link}"'
