"""Compare an environment with what the manifest and its interpreter say of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from envsync.formats import pyvenv_cfg
from envsync.model import desired
from envsync.model.environment import Environment, InnerLink, Script
from envsync.model.interpreter import Facts, Interpreter
from envsync.model.plan import Drift
from envsync.plan.layout import reasons_to_rebuild

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
    reasons = list(reasons_to_rebuild(found, interpreter.facts))
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
        settings["prompt"] = pyvenv_cfg.quote(wanted.prompt)
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


def _compare_links(findings: Findings, found: Environment, interpreter: Interpreter) -> None:
    pythons = {link.name: link for link in found.pythons}
    aliases = {link.name: link for link in found.contents.alias_links}
    for name, text in wanted_links(interpreter):
        link = pythons.get(name)
        if link is not None and (link.link_text == text or _arrives(link, pythons | aliases, interpreter)):
            continue
        findings.links.append((f"bin/{name}", text))
        if link is None:
            findings.drift.append(
                Drift("python-dangling" if name == "python" else "python-link", f"bin/{name} is gone")
            )
        elif link.link_text is None:
            findings.drift.append(Drift("python-link", f"bin/{name} is a copy, not a symlink to {text}"))
        else:
            code = "python-link" if link.works else "python-dangling"
            findings.drift.append(Drift(code, f"bin/{name} leads to {link.link_text}, not to {text}"))
    if any(place == "bin/python" for place, _ in findings.links):  # what led to the former interpreter follows
        findings.links += [(f"bin/{alias}", "python") for alias in found.contents.aliases]
    _compare_lib64(findings, found, interpreter.facts)


def _arrives(link: InnerLink, pythons: Mapping[str, InnerLink], interpreter: Interpreter) -> bool:
    """Check whether an entry of ``bin`` leads to the interpreter link, over whichever others a builder made.

    ``python`` or ``python3`` beside that link will do while it is the same file.
    """
    for _ in pythons:
        if link.link_text is None:
            return False
        name = link.link_text.removeprefix("./")
        if "/" in name:
            break
        if name not in pythons:
            return False
        link = pythons[name]
    directory, _, name = (link.link_text or "").rpartition("/")
    beside = directory == interpreter.link.rpartition("/")[0] and name in {"python", "python3"}
    return link.link_text == interpreter.link or (beside and link.end == interpreter.chain.end)


def _compare_lib64(findings: Findings, found: Environment, facts: Facts) -> None:
    lib64 = found.lib64
    if lib64 is None:
        if facts.platlibdir != "lib64":
            return
        message = "lib64 is gone"
    elif lib64.link_text in {None, "lib", "./lib"} or (lib64.works and not lib64.link_text.endswith("/lib")):
        return  # a directory of its own, as some builders make it, or a link of the user's
    else:
        message = f"lib64 leads to {lib64.link_text}, not to lib"
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
        if held is not None and (_same(key, held, value) or _is_resolved(key, held, interpreter)):
            continue
        findings.settings.append((key, value))
        if key not in _CODES:
            stale[key] = held
            continue
        message = (
            f"pyvenv.cfg has no {key}, which should be {value}" if held is None else f"{key} is {held}, not {value}"
        )
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
            return pyvenv_cfg.unquote(held) == pyvenv_cfg.unquote(wanted)
        case "include-system-site-packages" | "implementation":
            return held.lower() == wanted.lower()
        case "version_info":
            return held == wanted or wanted.startswith(f"{held}.")  # uv writes 3.12.1, virtualenv 3.12.1.final.0
        case _:
            return held == wanted.strip()


def followed_prompt(held: str, found: Environment, path: str) -> str:
    """Return the prompt of an environment, which follows a move where it was called after the former directory.

    uv calls it after the project's directory, venv after the environment's own. envsync after the environment.
    """
    for script in found.scripts:
        if script.kind == "activate" and script.named and found.setting("envsync-name") is None:
            for depth in (1, 2):
                before, after = script.named.split("/"), path.split("/")
                if len(before) > depth < len(after) and held == before[-depth]:
                    return after[-depth]
    return held


def _is_resolved(key: str, held: str, interpreter: Interpreter) -> bool:
    """Check whether a setting names the file that the interpreter link leads to, as older releases of virtualenv do."""
    return key == "base-executable" and held in {interpreter.chain.end, interpreter.facts.executable}


def _renamed(found: Environment, moved: list[str], path: str) -> str:
    """Give the command that made an environment with its former paths replaced."""
    command = found.setting("command") or ""
    for former in moved:
        command = command.replace(former, path)
    return command


def _compare_scripts(findings: Findings, wanted: desired.Environment, found: Environment) -> None:
    kinds: dict[str, list[Script]] = {"activate": [], "shebang": [], "mode": []}
    for script in found.scripts:
        kinds[script.kind].append(script)
    findings.scripts += found.scripts
    _compare_former(findings, wanted, found, sorted({one.named for one in kinds["activate"] if one.named}))
    harmful = [f"bin/{script.name}" for script in found.scripts if script.harmful]
    if harmful:
        message = f"{_some(harmful)} may run parts of a name as commands: not quoted for every shell"
        findings.drift.append(Drift("scripts", message))
    unreadable = [f"bin/{one.name}" for one in kinds["activate"] if not (one.named or one.harmful)]
    if unreadable:
        message = f"{_some(unreadable)} is missing, or does not name {wanted.path} as far as can be read"
        findings.drift.append(Drift("scripts", message))
    strangers = [script for script in kinds["shebang"] if not script.harmful]
    if strangers:
        names = [script.name for script in strangers]
        others = list(dict.fromkeys(script.named for script in strangers))
        message = f"{_some(names)} in bin run with {_some(others)}, not with {wanted.path}/bin/python"
        findings.drift.append(Drift("scripts", message))
    if kinds["mode"]:
        names = [script.name for script in kinds["mode"]]
        findings.drift.append(Drift("scripts", f"{_some(names)} in bin cannot be executed: no permission"))
    if "activate" not in found.activators:
        findings.regenerate.add("activate")
        findings.drift.append(Drift("scripts", "bin/activate is gone"))


def _compare_former(findings: Findings, wanted: desired.Environment, found: Environment, moved: list[str]) -> None:
    """Let what was written for former directories follow a move."""
    if moved:
        held = pyvenv_cfg.unquote(found.setting("prompt") or "")
        if wanted.prompt is None and held and followed_prompt(held, found, wanted.path) != held:
            findings.settings.append(("prompt", pyvenv_cfg.quote(followed_prompt(held, found, wanted.path))))
            findings.regenerate |= {*found.activators}
        findings.settings += [("command", _renamed(found, moved, wanted.path))] if found.setting("command") else []
        findings.drift.append(Drift("moved", f"the activation scripts name {', '.join(moved)}, not {wanted.path}"))


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004
