"""Compare an environment with what the manifest and its interpreter say of it. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from envsync import desired, pyvenv_cfg
from envsync.observed import Environment, Facts, Interpreter, Script, library_name
from envsync.plan.actions import Drift

__all__ = ["Findings", "compare", "optional_settings", "wanted_links", "wanted_settings"]

_CODES = {
    "home": "python-home",
    "prompt": "prompt",
    "include-system-site-packages": "system-site-packages",
    "envsync-path": "moved",
}


@dataclass(slots=True)
class Findings:
    """What is wrong with an environment, and what would put it right."""

    drift: list[Drift] = field(default_factory=list)
    rebuild: bool = False
    """Whether repairing is not enough."""
    links: list[tuple[str, str]] = field(default_factory=list)
    settings: list[tuple[str, str]] = field(default_factory=list)
    scripts: list[Script] = field(default_factory=list)
    regenerate: set[str] = field(default_factory=set)


def compare(wanted: desired.Environment, found: Environment, interpreter: Interpreter) -> Findings:
    """List every difference, with the least that removes it."""
    findings = Findings()
    reasons = list(_reasons_to_rebuild(found, interpreter.facts))
    if reasons:
        return Findings(drift=reasons, rebuild=True)
    _compare_links(findings, found, interpreter)
    _compare_settings(findings, wanted, found, interpreter)
    _compare_scripts(findings, wanted, found)
    return findings


def wanted_links(interpreter: Interpreter) -> tuple[tuple[str, str], ...]:
    """Give the ``python*`` entries of ``bin`` with their texts."""
    return (("python", interpreter.link), *((name, "python") for name in interpreter.facts.names))


def wanted_settings(wanted: desired.Environment, interpreter: Interpreter) -> dict[str, str]:
    """Give what every ``pyvenv.cfg`` must say."""
    settings = {
        "home": interpreter.home,
        "include-system-site-packages": "true" if wanted.system_site_packages else "false",
    }
    if wanted.prompt is not None:
        settings["prompt"] = wanted.prompt
    return settings


def optional_settings(wanted: desired.Environment, interpreter: Interpreter) -> dict[str, str]:
    """Give what ``pyvenv.cfg`` must say of the keys that only some builders write (PEP 838 for ``python-version``)."""
    facts = interpreter.facts
    return {
        "version": facts.release,
        "version_info": facts.version_info,
        "python-version": facts.minor,
        "executable": facts.executable,
        "base-prefix": facts.base_prefix,
        "base-exec-prefix": facts.base_exec_prefix,
        "base-executable": interpreter.link,
        "envsync-path": wanted.path,
    }


def _reasons_to_rebuild(found: Environment, facts: Facts) -> Iterator[Drift]:
    implementation = _implementation(found, facts)
    if implementation != facts.implementation:
        message = f"built for {implementation}, the link is now {facts.implementation}"
        yield Drift("python-implementation", message)
    built_for = found.built_for
    is_there = facts.library in found.libraries
    if built_for not in {None, facts.minor}:
        yield _minor_drift(built_for or "", facts)
    elif is_there and found.setting("envsync-abi") not in {None, facts.abi} and built_for == facts.minor:
        message = f"built for {found.setting('envsync-abi')}, the link is now {facts.abi}"
        yield Drift("python-implementation", message)
    elif is_there:
        yield from _unseen_packages(found, facts)
    elif built_for is None and found.libraries and library_name(found.libraries[0]):
        yield _minor_drift(library_name(found.libraries[0]), facts)
    else:
        yield _own_library_gone(found, facts)
    if not found.has_bin:
        yield Drift("layout", "bin is gone, and the commands in it")


def _minor_drift(built_for: str, facts: Facts) -> Drift:
    return Drift("python-minor", f"built for {built_for}, the link is now {facts.minor}")


def _own_library_gone(found: Environment, facts: Facts) -> Drift:
    """Say what is there instead of the library of the environment's own Python."""
    own = library_name(facts.library)
    other = next((name for name in map(library_name, found.libraries) if name.rstrip("td") == own.rstrip("td")), "")
    if other:  # free-threaded and not: one version, two libraries
        return Drift("python-minor", f"built for {other}, the link is now {own}")
    instead = f"; {found.libraries[0]} is there instead" if found.libraries else ""
    return Drift("layout", f"{facts.library}/site-packages is gone{instead}")


def _unseen_packages(found: Environment, facts: Facts) -> Iterator[Drift]:
    """Say which packages are left in libraries that the environment's own Python does not import from."""
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


def _compare_links(findings: Findings, found: Environment, interpreter: Interpreter) -> None:
    pythons = {link.name: link for link in found.pythons}
    for name, text in wanted_links(interpreter):
        link = pythons.get(name)
        if link is not None and link.text == text:
            continue
        findings.links.append((f"bin/{name}", text))
        if link is None:
            findings.drift.append(
                Drift("python-dangling" if name == "python" else "python-link", f"bin/{name} is gone")
            )
        elif link.text is None:
            findings.drift.append(Drift("python-link", f"bin/{name} is a copy, not a symlink to {text}"))
        else:
            code = "python-link" if link.works else "python-dangling"
            findings.drift.append(Drift(code, f"bin/{name} leads to {link.text}, not to {text}"))
    _compare_lib64(findings, found, interpreter.facts)


def _compare_lib64(findings: Findings, found: Environment, facts: Facts) -> None:
    lib64 = found.lib64
    if lib64 is None:
        if facts.platlibdir != "lib64":
            return
        message = "lib64 is gone"
    elif lib64.text in {None, "lib", "./lib"} or (lib64.works and not lib64.text.endswith("/lib")):
        return  # a folder of its own, as some builders make it, or a link of the user's
    else:
        message = f"lib64 leads to {lib64.text}, not to lib"
    findings.links.append(("lib64", "lib"))
    findings.drift.append(Drift("layout", message))


def _compare_settings(
    findings: Findings, wanted: desired.Environment, found: Environment, interpreter: Interpreter
) -> None:
    present = dict(found.cfg)
    settings = wanted_settings(wanted, interpreter)
    settings |= {key: value for key, value in optional_settings(wanted, interpreter).items() if key in present}
    if not present.keys() & {"version", "version_info", "python-version"}:
        settings["version"] = interpreter.facts.release
    stale = {}
    for key, value in settings.items():
        held = present.get(key)
        if held is not None and _same(key, held, value):
            continue
        findings.settings.append((key, value))
        if key not in _CODES:
            stale[key] = held
            continue
        message = f"pyvenv.cfg has no {key}" if held is None else f"{key} is {held}, not {value}"
        findings.drift.append(Drift(_CODES[key], message))
        if key == "prompt":
            findings.regenerate |= {*found.activators}
    if stale:
        findings.drift.append(Drift("python-patch", _stale(stale, interpreter.facts)))


def _stale(stale: dict[str, str | None], facts: Facts) -> str:
    """Tell in one sentence that ``pyvenv.cfg`` is behind its interpreter."""
    held = stale.get("version") or stale.get("version_info")
    if held is not None:
        return f"pyvenv.cfg is for Python {held}, the link is now {facts.version}"
    return f"pyvenv.cfg is behind the interpreter in {', '.join(stale)}"


def _same(key: str, held: str, wanted: str) -> bool:
    match key:
        case "prompt":
            return pyvenv_cfg.unquote(held) == wanted
        case "include-system-site-packages" | "implementation":
            return held.lower() == wanted.lower()
        case "version_info":
            return held == wanted or wanted.startswith(f"{held}.")  # uv writes 3.12.1, virtualenv 3.12.1.final.0
        case _:
            return held == wanted.strip()


def _renamed(found: Environment, moved: list[str], path: str) -> str:
    """Give the command that made an environment with its former paths replaced."""
    command = found.setting("command") or ""
    for former in moved:
        command = command.replace(former, path)
    return command


def _compare_scripts(findings: Findings, wanted: desired.Environment, found: Environment) -> None:
    findings.scripts += found.scripts
    moved = sorted({script.named for script in found.scripts if script.kind == "activate"})
    stale = [script.name for script in found.scripts if script.kind == "shebang"]
    if moved:
        findings.settings += [("command", _renamed(found, moved, wanted.path))] if found.setting("command") else []
        findings.drift.append(Drift("moved", f"the activation scripts name {', '.join(moved)}, not {wanted.path}"))
    if stale:
        shown = ", ".join(stale[:3]) + (f" and {len(stale) - 3} more" if len(stale) > 3 else "")  # noqa: PLR2004
        findings.drift.append(Drift("scripts", f"{shown} in bin would run with another Python"))
    if "activate" not in found.activators:
        findings.regenerate.add("activate")
        findings.drift.append(Drift("scripts", "bin/activate is gone"))
