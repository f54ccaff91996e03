"""The commands by which an environment is used: ``run``, ``which``, ``activate`` and ``hook``."""

import errno
import os
import shlex
import sys
from pathlib import Path

from envsync.cli.completion import script
from envsync.cli.consent import Untrusted, opened
from envsync.cli.options import Options
from envsync.cli.pasting import option_for
from envsync.cli.result import DONE, TROUBLE, Result, Verdict
from envsync.formats import pyvenv_cfg
from envsync.manifest.find import current_directory
from envsync.manifest.selection import enclosing, the_one
from envsync.model.desired import Environment, Manifest
from envsync.model.problems import CannotRunError, EnvsyncError, ManifestError, Problem
from envsync.model.system import VARIABLES
from envsync.observe.files import read_text
from envsync.report.terminal import escape, shell_quoted

_SHELLS = Path(__file__).with_name("shells")
"""Texts for shells."""
_SCRIPTS = {"fish": ("activate.fish",), "tcsh": ("activate.csh",), "powershell": ("activate.ps1", "Activate.ps1")}
"""Names of the activation script, by shell; for all others it is ``activate``."""
_EVALUATED = {"fish": "{} | source", "tcsh": 'eval "`{}`"', "powershell": "{} | Invoke-Expression"}
"""How the output of a command is evaluated, by shell."""
_ALSO_CALLED = {"csh": "tcsh", "pwsh": "powershell"}


def _run(options: Options) -> int:
    environment = _there(options, opened(options, Untrusted.ASK).manifest)
    path = environment.path
    variables = {key: value for key, value in VARIABLES.items() if key != "PYTHONHOME"}
    words = list(options.words)
    if words:
        variables |= {"VIRTUAL_ENV": path, "PATH": f"{path}/bin:{VARIABLES.get('PATH', os.defpath)}"}
        variables["VIRTUAL_ENV_PROMPT"] = _prompt(environment)
    else:
        words, more = _interactive(environment)
        variables |= more
    try:
        os.execvpe(words[0], words, variables)  # noqa: S606  # the user's own command, as they wrote it
    except OSError as error:
        hint = f"It was looked for in {path}/bin and on PATH."
        status = 127 if error.errno in {errno.ENOENT, errno.ENOTDIR} else 126
        raise CannotRunError(Problem("cannot-run", f"{words[0]}: {error.strerror}", hint), status) from error


def _interactive(environment: Environment) -> tuple[list[str], dict[str, str]]:
    """Return the user's shell, told to activate an environment after their own settings, and its variables."""
    shell, path = VARIABLES.get("SHELL") or "/bin/sh", environment.path
    match os.path.basename(shell):
        case "bash":
            return [shell, "--rcfile", str(_SHELLS / "run.bash"), "-i"], {"_ENVSYNC_ACTIVATE": f"{path}/bin/activate"}
        case "zsh":
            own = {"_ENVSYNC_ZDOTDIR": VARIABLES.get("ZDOTDIR", ""), "ZDOTDIR": str(_SHELLS / "zsh")}
            return [shell, "-i"], own | {"_ENVSYNC_ACTIVATE": f"{path}/bin/activate"}
        case "fish":
            return [shell, "-i", "-C", _activation("fish", path)], {}
        case _:  # its own settings may put something before PATH
            more = {"VIRTUAL_ENV": path, "PATH": f"{path}/bin:{VARIABLES.get('PATH', os.defpath)}"}
            return [shell, "-i"], more | {"VIRTUAL_ENV_PROMPT": _prompt(environment)}


def _there(options: Options, manifest: Manifest) -> Environment:
    """Return the environment that a command names. Raises ``EnvsyncError`` where there is none that works."""
    environment = the_one(manifest, options.names[0] if options.names else ".")
    if not _works(environment):
        from envsync.observe.links import walk  # noqa: PLC0415  # only here
        from envsync.observe.moved import awaited  # noqa: PLC0415

        message, name = f"there is no environment that works at {environment.path}", shlex.quote(environment.name)
        missing = awaited(environment, walk(environment.path))
        hint = f"envsync apply {name}" if missing is None else f"It waits for {missing}. See: envsync plan {name}"
        raise EnvsyncError(Problem("no-environment", message, hint))
    return environment


def _prompt(environment: Environment) -> str:
    """Return what activation would set: what is declared, else what the environment has, else its directory's name."""
    if environment.prompt is not None:
        return environment.prompt
    settings = dict(pyvenv_cfg.parse(read_text(f"{environment.path}/pyvenv.cfg")))
    return pyvenv_cfg.unquote(settings.get("prompt", "")) or os.path.basename(environment.path)


def _which(options: Options) -> Result:
    if options.here:
        return _here(options)
    manifest = opened(options).manifest
    return _printed(manifest, _there(options, manifest), options)


def _here(options: Options) -> Result:
    """Return the environment of the project around the current directory; nothing, and status 1, where there is none.

    It is for prompts and hooks: that no manifest is found is no reason to say anything.
    """
    try:
        manifest = opened(options).manifest
        found = enclosing(manifest, current_directory())
    except ManifestError as error:
        if any(problem.code != "manifest-missing" for problem in error.problems):
            raise
        return _nothing(None)
    except FileNotFoundError:  # the current directory has been removed
        return _nothing(None)
    if found is None or not _works(found):
        return _nothing(manifest.file)
    return _printed(manifest, found, options)


def _nothing(file: str | None) -> Result:
    more = {"name": None, "path": None, "python": None}
    return Result(file, Verdict("in-sync", TROUBLE), (), lambda _: [], more=more)


def _works(environment: Environment) -> bool:
    return os.access(f"{environment.path}/bin/python", os.X_OK)


def _printed(manifest: Manifest, environment: Environment, options: Options) -> Result:
    python = f"{environment.path}/bin/python"
    line = python if options.interpreter else environment.path
    more = {"name": environment.name, "path": environment.path, "python": python}
    return Result(manifest.file, Verdict("in-sync", DONE), (), lambda _: [line], more=more)


def _activate(options: Options) -> Result:
    manifest = opened(options).manifest
    environment = _there(options, manifest)
    shell = options.shell or _calling_shell()
    line = _activation(shell, environment.path)
    if sys.stdout.isatty() and not options.quiet and not options.json:
        command = shell_quoted(("envsync", "activate", *option_for(options), environment.name))
        how = _EVALUATED.get(shell, 'eval "$({})"').format(command)
        sys.stderr.write(f"envsync: this activates it in your shell: {escape(how)}; or see: envsync hook --help\n")
    more = {"name": environment.name, "path": environment.path, "shell": shell, "activation": line}
    return Result(manifest.file, Verdict("in-sync", DONE), (), lambda _: [line], more=more)


def _activation(shell: str, path: str) -> str:
    """Return the line that activates the environment at a path. Raises ``EnvsyncError`` where it has no such script."""
    names = _SCRIPTS.get(shell, ("activate",))
    file = next((file for name in names if os.path.isfile(file := f"{path}/bin/{name}")), None)
    if file is None:
        message = f"{path} has no activation script for {shell}"
        raise EnvsyncError(Problem("no-environment", message, "envsync apply"))
    match shell:
        case "fish":
            return "source '{}'".format(file.replace("\\", "\\\\").replace("'", "\\'"))
        case "tcsh":
            return f"source {shlex.quote(file).replace('!', chr(92) + '!')}"
        case "powershell":
            return "& '{}'".format(file.replace("'", "''"))
        case _:
            return f". {shlex.quote(file)}"


def _calling_shell() -> str:
    """Return the name of the shell that called, as far as it can be known: the parent's, else that of ``$SHELL``."""
    parent = read_text(f"/proc/{os.getppid()}/comm").strip()
    for name in (parent, os.path.basename(VARIABLES.get("SHELL", ""))):
        name = _ALSO_CALLED.get(name, name)  # noqa: PLW2901  # its usual name
        if name in {"sh", "dash", "ash", "ksh", "bash", "zsh", *_SCRIPTS}:
            return name
    return "sh"


def _hook(options: Options) -> Result:
    """Return the functions for a shell's settings, with its completion."""
    shell = options.shell
    suffix = "fish" if shell == "fish" else "sh"
    names = ["hook", *(["cd"] if options.cd else [])]
    text = "".join((_SHELLS / f"{name}.{suffix}").read_text() for name in names).replace("@SHELL@", shell)
    completion = script(shell)
    if shell == "zsh":  # compinit may come later, or never
        completion = f"if (( $+functions[compdef] )); then\n{completion}\nfi\n"
    lines = [*text.splitlines(), *completion.splitlines()]
    more = {"hook": {"shell": shell, "script": "\n".join(lines)}}
    return Result(None, Verdict("in-sync", DONE), (), lambda _: lines, more=more)


COMMANDS = {"run": _run, "which": _which, "activate": _activate, "hook": _hook}
