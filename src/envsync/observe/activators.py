"""Render the activation scripts of an environment with virtualenv's own activators.

Their templates and quotes change with virtualenv's releases; here they are asked for what
they write for a directory, which need not be there. virtualenv documents the interface:
https://virtualenv.pypa.io/en/latest/extend.html#activation-scripts
"""

import contextlib
import copy
import io
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from envsync.cache.store import cache_directory
from envsync.model.system import variables_without

_LOCK = threading.RLock()
"""virtualenv keeps state in module globals, and standard output is the whole process's."""
_SOMEWHERE = "/envsync5f0c1d"
"""A directory that no environment is in."""
_LIBRARIES = ("/envsync-1", "/envsync-2")
"""What stands for Tcl's and Tk's."""


@contextlib.contextmanager
def open_session(executable: str, dest: str, app_data: str, *options: str) -> Iterator[Any]:
    """Yield a session of virtualenv's that would build an environment at ``dest`` with an interpreter.

    ``app_data`` is where virtualenv keeps what it knows of interpreters. Nothing that virtualenv prints, or an
    interpreter that it runs, reaches standard output. Raises whatever virtualenv raises, ``SystemExit`` included.
    """
    arguments = ["--quiet", "--no-seed", "--symlinks", "--python", executable, "--app-data", app_data, *options]
    # The user's own settings for virtualenv are for virtualenv: they could clear, copy or download.
    # What is set for other Pythons is not for the interpreter that it asks.
    environment = variables_without("VIRTUALENV_", "PYTHON")
    environment["VIRTUALENV_CONFIG_FILE"] = os.devnull
    silence = logging.NullHandler()
    with _LOCK, contextlib.redirect_stdout(io.StringIO()):
        from virtualenv import session_via_cli  # noqa: PLC0415  # 80 ms that only building should cost

        logging.getLogger().addHandler(silence)
        try:
            with session_via_cli([*arguments, dest], setup_logging=False, env=environment) as session:
                yield session
        finally:
            logging.getLogger().removeHandler(silence)


class Activators:
    """The activators of virtualenv for one interpreter and one prompt."""

    def __init__(self, session: Any) -> None:
        """Take an open session of virtualenv's."""
        self._creator = session.creator
        self._activators = session.activators
        for activator in self._activators:
            if hasattr(activator, "quote"):  # of a template; a plugin's may be none
                activator.quote = partial(_quoted, activator.quote)

    def generate(self, dest: str) -> None:
        """Have the scripts written into the ``bin`` of the directory ``dest``, except those that it cannot have."""
        self._creator.dest = Path(dest)
        for activator in self._activators:
            activator.generate(self._creator)

    def render(self, dest: str, library: str | None = None) -> Iterator[tuple[str, str]]:
        """Yield each script's name and text, as it is to be in the directory ``dest``, which need not be there.

        ``library`` is to stand for those of Tcl and Tk that the interpreter has.
        """
        self._creator.dest = Path(dest)
        if library is not None:
            self._creator.interpreter = _with_library(self._creator.interpreter, library)
        for activator in self._activators:
            # What is no template, of a plugin's activator perhaps, is left to `generate`.
            for template in getattr(activator, "templates", tuple)():
                values = activator.replacements(self._creator, self._creator.bin_dir)
                text = activator.instantiate_template(values, template, self._creator)
                yield activator.as_name(template), text


def _with_library(interpreter: Any, library: str | None) -> Any:
    interpreter = copy.copy(interpreter)  # virtualenv keeps the one that it found
    interpreter.tcl_lib = interpreter.tk_lib = library
    return interpreter


def _quoted(quote: Callable[[str], str], text: str) -> str:
    """Quote a text as an activator does, and also what it leaves bare though zsh reads it: ``=ls`` is a path there."""
    quoted = quote(text)
    return f"'{text}'" if quoted == text and (text.startswith("=") or ":=" in text) else quoted


@contextlib.contextmanager
def open_activators(executable: str, prompt: str | None, dest: str, app_data: str) -> Iterator[Activators]:
    """Yield the activators for an interpreter, also for one that this virtualenv no longer builds for.

    ``dest`` is a directory that could be made; ``app_data`` as for :func:`open_session`.
    """
    options = () if prompt is None else (f"--prompt={prompt}",)
    with contextlib.ExitStack() as stack:
        try:
            session = stack.enter_context(open_session(executable, dest, app_data, *options))
        except (Exception, SystemExit):  # noqa: BLE001  # for whatever reason; if it is a good one, the next call fails
            session = stack.enter_context(open_session(sys.executable, dest, app_data, *options))
            # Tcl and Tk are those of another Python.
            session.creator.interpreter = _with_library(session.creator.interpreter, None)
        yield Activators(session)


@lru_cache(maxsize=64)
def written_lines(path: str, prompt: str | None) -> Mapping[str, tuple[str | None, ...]]:
    """Return each activation script of an environment at ``path`` as virtualenv writes it now, line by line, by name.

    ``None`` stands for a line that depends on the environment's Python.
    """
    place = f"{tempfile.gettempdir()}/envsync"
    with open_activators(sys.executable, prompt, place, f"{cache_directory()}/virtualenv") as activators:
        one, other = (dict(activators.render(path, library)) for library in _LIBRARIES)
    return {script: tuple(map(_common, text.split("\n"), other[script].split("\n"))) for script, text in one.items()}


def _common(line: str, other: str) -> str | None:
    return line if line == other and "site-packages" not in line else None


@lru_cache(maxsize=64)
def naming_lines(path: str) -> Mapping[str, frozenset[str]]:
    """Return the lines of each activation script that name the directory ``path``, by the name of the script.

    Whatever a shell's quotes do to the path, a script with these lines names it.
    """
    place = f"{tempfile.gettempdir()}/envsync"
    with open_activators(sys.executable, None, place, f"{cache_directory()}/virtualenv") as activators:
        here = dict(activators.render(path))
        elsewhere = dict(activators.render(f"{_SOMEWHERE}/{os.path.basename(path)}"))
    return {
        script: frozenset(text.splitlines()) - frozenset(elsewhere[script].splitlines())
        for script, text in here.items()
    }
