"""The command that runs another in an environment."""

import errno
import os
import shlex

from envsync import pyvenv_cfg
from envsync.cli.consent import Untrusted, opened
from envsync.cli.options import Options
from envsync.cli.session import check_names
from envsync.desired import Environment
from envsync.errors import CannotRunError, EnvsyncError, Problem, UsageError
from envsync.observe.read import read_text

__all__ = ["COMMANDS"]


def _run(options: Options) -> int:
    manifest = opened(options, Untrusted.ASK).manifest
    check_names(manifest, options.names)
    words = options.words
    if not words:
        raise UsageError(
            Problem("usage", "there is no command to run", f"envsync run {shlex.quote(options.names[0])} -- python")
        )
    environment = next(one for one in manifest.environments if one.name == options.names[0])
    path = environment.path
    if not os.access(f"{path}/bin/python", os.X_OK):
        message = f"there is no environment that works at {path}"
        raise EnvsyncError(Problem("no-environment", message, f"envsync apply {shlex.quote(options.names[0])}"))
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONHOME"}
    variables |= {"VIRTUAL_ENV": path, "PATH": f"{path}/bin:{os.environ.get('PATH', os.defpath)}"}
    variables["VIRTUAL_ENV_PROMPT"] = _prompt(environment)
    try:
        os.execvpe(words[0], list(words), variables)  # noqa: S606  # the user's own command, as they wrote it
    except OSError as error:
        hint = f"It was looked for in {path}/bin and on PATH."
        status = 127 if error.errno in {errno.ENOENT, errno.ENOTDIR} else 126
        raise CannotRunError(Problem("cannot-run", f"{words[0]}: {error.strerror}", hint), status) from error


def _prompt(environment: Environment) -> str:
    """Return what activation would set: what is declared, else what the environment has, else its directory's name."""
    if environment.prompt is not None:
        return environment.prompt
    settings = dict(pyvenv_cfg.parse(read_text(f"{environment.path}/pyvenv.cfg")))
    return pyvenv_cfg.unquote(settings.get("prompt", "")) or os.path.basename(environment.path)


COMMANDS = {"run": _run}
