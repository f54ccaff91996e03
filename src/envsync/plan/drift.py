"""Compare an environment with what the manifest and its interpreter say of it. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from envsync.formats import pyvenv_cfg
from envsync.model import desired
from envsync.model.blueprint import Blueprint
from envsync.model.environment import Environment, InnerLink, Script
from envsync.model.interpreter import Facts, Interpreter
from envsync.model.plan import Drift, Repair

_CODES = {
    "home": "python-home",
    "prompt": "prompt",
    "include-system-site-packages": "system-site-packages",
    "envsync-path": "moved",
}
_MARKS = frozenset({"envsync-name", "envsync-manifest", "envsync-end"})
"""Keys of ``pyvenv.cfg`` that say of which manifest an environment is, and where it lies."""
_OPTIONAL = frozenset({"python3.6", "python3.7", "python3.8"})
"""Names that ``python -m venv`` did not make in ``bin`` before Python 3.9."""
_SHOWN = 4

Difference = tuple[tuple[Drift, ...], Repair | None]
"""What is wrong with an environment, and the action that puts it right."""
Stale = tuple[str, str, Drift]
"""A symlink in an environment, relative; what it has to hold; what it is instead."""


def compare(
    wanted: desired.Environment, found: Environment, interpreter: Interpreter, blueprint: Blueprint
) -> Difference:
    """List each difference that repairing removes, with the action that does so; ``None`` where nothing differs.

    Whether repairing is enough at all, :func:`envsync.plan.layout.reasons_to_rebuild` says.
    """
    pythons = tuple(_stale_pythons(found, interpreter))
    lib64 = tuple(_stale_lib64(found, interpreter.facts))
    settings = dict(_stale_settings(wanted, found, interpreter))
    drift = (
        *(one for _, _, one in (*pythons, *lib64)),
        *_settings_drift(settings, found, interpreter.facts),
        *_scripts_drift(wanted, found),
    )
    if not drift:
        return (), None
    moved = dict(_moved_settings(wanted, found))
    renamed = found.activators if "prompt" in settings.keys() | moved.keys() else ()
    links = [(place, text) for place, text, _ in pythons]
    if "bin/python" in dict(links):  # what led to the former interpreter follows
        links += [(f"bin/{alias}", "python") for alias in found.contents.aliases]
    links += [(place, text) for place, text, _ in lib64]
    regenerate = tuple(sorted({*renamed, *_missing_activator(found)}))
    held = found.setting("prompt")
    repair = Repair(
        message=_message(links, found.scripts, regenerate, edits_settings=bool(settings or moved)),
        blueprint=blueprint,
        links=tuple(links),
        settings=(*settings.items(), *moved.items(), *_stale_marks(found, blueprint)),
        scripts=found.scripts,
        regenerate=regenerate,
        prompt_before=None if held is None else pyvenv_cfg.unquote(held),
    )
    return drift, repair


def _message(
    links: list[tuple[str, str]], scripts: tuple[Script, ...], regenerate: tuple[str, ...], *, edits_settings: bool
) -> str:
    parts = {name for name, _ in links} | {f"bin/{script.name}" for script in scripts}
    parts |= {"pyvenv.cfg"} if edits_settings else set()
    names = sorted(parts | {f"bin/{name}" for name in regenerate})
    return f"repair {', '.join(names[:_SHOWN])}" + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _stale_marks(found: Environment, blueprint: Blueprint) -> Iterator[tuple[str, str]]:
    """Return the marks of envsync's own that are out of date; one that is missing is not."""
    for key, value in blueprint.settings:
        if key in _MARKS and found.setting(key) not in {None, value}:
            yield key, value


def wanted_links(interpreter: Interpreter) -> tuple[tuple[str, str], ...]:
    """Return the ``python*`` entries of ``bin`` with their texts."""
    return (("python", interpreter.link), *((name, "python") for name in interpreter.facts.names))


def wanted_settings(wanted: desired.Environment, interpreter: Interpreter) -> dict[str, str]:
    """Return what every ``pyvenv.cfg`` must say."""
    settings = {
        "home": interpreter.home,
        "include-system-site-packages": "true" if wanted.system_site_packages else "false",
    }
    if wanted.prompt is not None:
        settings["prompt"] = pyvenv_cfg.quote(wanted.prompt)
    return settings


def optional_settings(wanted: desired.Environment, interpreter: Interpreter) -> dict[str, str]:
    """Return the keys of ``pyvenv.cfg`` that only some builders write (PEP 838 for ``python-version``)."""
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


def _stale_pythons(found: Environment, interpreter: Interpreter) -> Iterator[Stale]:
    pythons = {link.name: link for link in found.pythons}
    aliases = {link.name: link for link in found.contents.alias_links}
    for name, text in wanted_links(interpreter):
        link = pythons.get(name)
        if link is None and found.is_foreign and name in _OPTIONAL:
            continue
        if link is not None and (
            link.link_text == text or _arrives(link, pythons | aliases, interpreter, lenient=found.is_foreign)
        ):
            continue
        if link is None:
            drift = Drift("python-dangling" if name == "python" else "python-link", f"bin/{name} is gone")
        elif link.link_text is None:
            drift = Drift("python-link", f"bin/{name} is a copy, not a symlink to {text}")
        else:
            code = "python-link" if link.works else "python-dangling"
            message = f"bin/{name} leads to {link.link_text}, not to {text}"
            drift = Drift(code, message, before=link.link_text, after=text)
        yield f"bin/{name}", text, drift


def _arrives(link: InnerLink, pythons: Mapping[str, InnerLink], interpreter: Interpreter, *, lenient: bool) -> bool:
    """Check whether an entry of ``bin`` leads to the interpreter link, over whichever others a builder made.

    ``python`` or ``python3`` beside that link will do while it is the same file; if ``lenient``, any path to that file,
    or a copy of it.
    """
    for _ in pythons:
        if link.link_text is None:
            return lenient and link.is_copy
        name = link.link_text.removeprefix("./")
        if "/" in name:
            break
        if name not in pythons:
            return False
        link = pythons[name]
    directory, _, name = (link.link_text or "").rpartition("/")
    beside = directory == interpreter.link.rpartition("/")[0] and name in {"python", "python3"}
    return link.link_text == interpreter.link or ((lenient or beside) and link.end == interpreter.chain.end)


def _stale_lib64(found: Environment, facts: Facts) -> Iterator[Stale]:
    lib64 = found.lib64
    if lib64 is None:
        if facts.platlibdir == "lib64":
            yield "lib64", "lib", Drift("layout", "lib64 is gone")
    elif lib64.link_text not in {None, "lib", "./lib"} and (not lib64.works or lib64.link_text.endswith("/lib")):
        # else a directory of its own, as some builders make it, or a link of the user's
        yield "lib64", "lib", Drift("layout", f"lib64 leads to {lib64.link_text}, not to lib")


def _stale_settings(
    wanted: desired.Environment, found: Environment, interpreter: Interpreter
) -> Iterator[tuple[str, str]]:
    """Return the keys of ``pyvenv.cfg`` that say something else than they must, with what they must say."""
    present = dict(found.cfg)
    settings = wanted_settings(wanted, interpreter)
    settings |= {key: value for key, value in optional_settings(wanted, interpreter).items() if key in present}
    if not present.keys() & {"version", "version_info", "python-version"}:
        settings["version"] = interpreter.facts.release
    for key, value in settings.items():
        held = present.get(key)
        if key in found.same_places:
            continue
        if held is None or not (_same(key, held, value) or _is_resolved(key, held, interpreter)):
            yield key, value


def _settings_drift(settings: Mapping[str, str], found: Environment, facts: Facts) -> Iterator[Drift]:
    present = dict(found.cfg)
    stale = {key: present.get(key) for key in settings if key not in _CODES}
    for key, value in settings.items():
        held = present.get(key)
        if key in _CODES and held is None:
            yield Drift(_CODES[key], f"pyvenv.cfg has no {key}, which should be {value}")
        elif key in _CODES:
            yield Drift(_CODES[key], f"{key} is {held}, not {value}", before=held, after=value)
    if stale:
        yield _stale(stale, facts)


def _stale(stale: dict[str, str | None], facts: Facts) -> Drift:
    """Return that ``pyvenv.cfg`` is behind its interpreter."""
    held = stale.get("version") or stale.get("version_info")
    if held is not None:
        message = f"pyvenv.cfg is for Python {held}, the link is now {facts.version}"
        return Drift("python-patch", message, before=held, after=facts.version)
    return Drift("python-patch", f"pyvenv.cfg is behind the interpreter in {', '.join(stale)}")


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
    """Return the command that made an environment with its former paths replaced."""
    command = found.setting("command") or ""
    for former in moved:
        command = command.replace(former, path)
    return command


def _scripts_drift(wanted: desired.Environment, found: Environment) -> Iterator[Drift]:
    former = _former_directories(found)
    if former:
        yield Drift("moved", f"the activation scripts name {', '.join(former)}, not {wanted.path}")
    harmful = [f"bin/{script.name}" for script in found.scripts if script.harmful]
    if harmful:
        message = f"{_some(harmful)} may run parts of a name as commands: not quoted for every shell"
        yield Drift("scripts", message)
    activate = [script for script in found.scripts if script.kind == "activate"]
    unreadable = [f"bin/{one.name}" for one in activate if not (one.named or one.harmful)]
    if unreadable:
        message = f"{_some(unreadable)} is missing, or does not name {wanted.path} as far as can be read"
        yield Drift("scripts", message)
    strangers = [script for script in found.scripts if script.kind == "shebang" and not script.harmful]
    if strangers:
        names = [script.name for script in strangers]
        others = list(dict.fromkeys(script.named for script in strangers))
        runs = "runs" if len(names) == 1 else "run"
        message = f"{_some(names)} in bin {runs} with {_some(others)}, not with {wanted.path}/bin/python"
        yield Drift("scripts", message)
    unexecutable = [script.name for script in found.scripts if script.kind == "mode"]
    if unexecutable:
        yield Drift("scripts", f"{_some(unexecutable)} in bin cannot be executed: no permission")
    for name in _missing_activator(found):
        yield Drift("scripts", f"bin/{name} is gone")


def _missing_activator(found: Environment) -> Iterable[str]:
    return () if "activate" in found.activators else ("activate",)


def _former_directories(found: Environment) -> list[str]:
    return sorted({one.named for one in found.scripts if one.kind == "activate" and one.named})


def _moved_settings(wanted: desired.Environment, found: Environment) -> Iterator[tuple[str, str]]:
    """Return what follows a move of what was written to ``pyvenv.cfg`` for former directories."""
    former = _former_directories(found)
    if not former:
        return
    held = pyvenv_cfg.unquote(found.setting("prompt") or "")
    if wanted.prompt is None and held and followed_prompt(held, found, wanted.path) != held:
        yield "prompt", pyvenv_cfg.quote(followed_prompt(held, found, wanted.path))
    if found.setting("command"):
        yield "command", _renamed(found, former, wanted.path)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004
