"""The command ``service``: ``watch`` as a service of the user's."""

import os
import shlex
import sys
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from envsync.cli.consent import opened
from envsync.cli.options import Options
from envsync.cli.session import Result
from envsync.desired import Manifest, PythonPath
from envsync.errors import EnvsyncError, Problem
from envsync.folders import cache_folder, state_folders
from envsync.observe.read import read_text
from envsync.report.document import Verdict
from envsync.report.paint import Paint, homely
from envsync.service.definition import MARK, Definition
from envsync.service.supervisor import Supervisor, supervisor
from envsync.snapshot import variables_of
from envsync.write.service import remove_definition, write_definition

__all__ = ["COMMANDS"]


def _service(options: Options) -> Result:
    """Install, remove, show or tell of the service. Raises ``EnvsyncError`` or ``ManifestError``."""
    boss = supervisor()
    match options.action:
        case "install":
            return _install(options, boss)
        case "uninstall":
            return _uninstall(boss)
        case "show":
            manifest = opened(options).manifest
            text = boss.text(_definition(manifest, options))
            return _result(boss, text.splitlines(), manifest=manifest.file, text=text)
        case _:
            return _status(boss)


def _install(options: Options, boss: Supervisor) -> Result:
    manifest = opened(options).manifest
    _refuse_foreign(boss)
    text = boss.text(_definition(manifest, options))
    changed = read_text(boss.file) != text
    if changed:
        write_definition(boss.file, text.encode(errors="surrogateescape"))
    try:
        boss.start()
    except EnvsyncError as error:
        message = f"{boss.file} is written, but the service does not run: {error.problem.message}"
        raise EnvsyncError(replace(error.problem, message=message)) from error
    lines = [f"{'wrote' if changed else 'unchanged'}: {boss.file}", f"started; it watches {manifest.file}"]
    if boss.name == "systemd":
        lines.append("it runs while you are logged in; always: loginctl enable-linger")
    return _result(boss, lines, status="applied", manifest=manifest.file)


def _uninstall(boss: Supervisor) -> Result:
    if not os.path.lexists(boss.file):
        return _result(boss, ["no service is installed"])
    _refuse_foreign(boss)
    try:
        boss.stop()
    except EnvsyncError as error:
        hint = f"Nothing was removed. If it does not run anyway: rm {shlex.quote(boss.file)}"
        raise EnvsyncError(replace(error.problem, hint=hint)) from error
    remove_definition(boss.file)
    boss.forget()
    return _result(boss, [f"stopped and removed: {boss.file}"], status="applied")


def _status(boss: Supervisor) -> Result:
    if not os.path.lexists(boss.file):
        hint = "install one: envsync service install"
        return _result(boss, ["no service is installed", hint], exit_code=1, installed=False, running=False)
    state = boss.state()
    lines = [f"installed: {boss.file}", f"starts by itself: {'yes' if state.enabled else 'no'}", f"now: {state.detail}"]
    return _result(boss, lines, exit_code=0 if state.running else 1, installed=True, **asdict(state))


def _result(
    boss: Supervisor,
    lines: Iterable[str],
    *,
    status: str = "in-sync",
    exit_code: int = 0,
    manifest: str | None = None,
    **more: object,
) -> Result:
    def show(_: Paint) -> list[str]:
        return shown

    # The text of a definition is for a file, where no path may be shortened.
    shown = list(lines) if "text" in more else [homely(line) for line in lines]
    fields: dict[str, Any] = {"service": {"supervisor": boss.name, "file": boss.file, **more}}
    verdict = Verdict("failed" if exit_code else status, exit_code)
    return Result(manifest, verdict, (), show, more=fields)


def _refuse_foreign(boss: Supervisor) -> None:
    """Refuse to touch a definition that somebody else wrote, or keeps elsewhere behind a link."""
    if os.path.lexists(boss.file) and (os.path.islink(boss.file) or MARK not in read_text(boss.file)):
        message = f"{boss.file} is there, and envsync did not write it"
        hint = "Look at it, and move it away; `envsync service show` prints what envsync would write."
        raise EnvsyncError(Problem("service-taken", message, hint))


def _definition(manifest: Manifest, options: Options) -> Definition:
    variables = [(name, os.environ[name]) for name in ("PATH", *variables_of(manifest)) if name in os.environ]
    folders = [*manifest.inputs.paths, manifest.state_dir, manifest.bin_dir, cache_folder(), *state_folders()]
    for one in manifest.environments:
        folders += [one.path, *([one.target] if one.target else []), *one.aliases]
        folders += [one.python.path] if isinstance(one.python, PythonPath) else []
        folders += [*one.packages.requirements, *([one.packages.project] if one.packages.project else [])]
    return Definition(
        command=(*_command(), "watch", "--file", manifest.file, *(["--poll"] if options.poll else [])),
        variables=tuple(dict.fromkeys(variables)),
        folders=tuple({place for folder in folders for place in (folder, os.path.realpath(folder))}),
        log=f"{state_folders()[1]}/watch.log",
    )


def _command() -> tuple[str, ...]:
    """Give how this very envsync is started; a link on PATH stays a link, so that it survives an upgrade."""
    started = os.path.abspath(sys.argv[0])
    if os.path.basename(started) == "envsync" and os.access(started, os.X_OK):
        return (started,)
    return (sys.executable, "-m", "envsync")


COMMANDS = {"service": _service}
