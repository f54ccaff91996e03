"""The script by which an environment's Python is exposed: through a symlink in another directory it is the base's.

Python looks for ``pyvenv.cfg`` beside the name that it was started by, and above that; a symlink that leads to
``bin/python``, itself a symlink, is resolved to the very end.
"""

import shlex

__all__ = ["launched", "launcher"]

_HEAD = "#!/bin/sh\n# Made by envsync: Python finds its environment only where it is started by its name in there.\n"


def launcher(command: str) -> str:
    """Return the script that runs a command by its absolute path."""
    return f'{_HEAD}exec {shlex.quote(command)} "$@"\n'


def launched(text: str) -> str | None:
    """Return what a script runs that :func:`launcher` has made; ``None`` for any other text."""
    try:
        words = shlex.split(text.removeprefix(_HEAD))
    except ValueError:
        return None
    command = words[1] if len(words) == 3 else ""  # noqa: PLR2004  # exec COMMAND "$@"
    return command if command and text == launcher(command) else None
