"""Render the activation scripts of an environment with virtualenv's own activators.

Their templates and quotes change with virtualenv's releases. The interface is documented:
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
"""A directory without environments."""
_LIBRARIES = ("/envsync-1", "/envsync-2")
"""Placeholders for the libraries of Tcl and Tk."""


@contextlib.contextmanager
def open_session(executable: str, dest: str, app_data: str, *options: str) -> Iterator[Any]:
    """Yield a session of virtualenv's that would build an environment at ``dest`` with an interpreter.

    ``app_data`` is virtualenv's cache. Nothing is printed. Raises whatever virtualenv raises, ``SystemExit`` included.
    """
    arguments = ["--quiet", "--no-seed", "--symlinks", "--python", executable, "--app-data", app_data, *options]
    # The user's settings for virtualenv could make it clear, copy or download; those for Python change what it asks.
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
        """Write the scripts into the ``bin`` of the directory ``dest``, except those that its name rules out."""
        self._creator.dest = Path(dest)
        for activator in self._activators:
            activator.generate(self._creator)

    def render(self, dest: str, library: str | None = None) -> Iterator[tuple[str, str]]:
        """Yield name and text of each script of an environment in the directory ``dest``, which need not exist.

        ``library`` replaces the interpreter's libraries of Tcl and Tk.
        """
        self._creator.dest = Path(dest)
        if library is not None:
            self._creator.interpreter = _with_library(self._creator.interpreter, library)
        for activator in self._activators:
            # A plugin's activator may have none; `generate` covers it.
            for template in getattr(activator, "templates", tuple)():
                values = activator.replacements(self._creator, self._creator.bin_dir)
                text = activator.instantiate_template(values, template, self._creator)
                yield activator.as_name(template), text


def _with_library(interpreter: Any, library: str | None) -> Any:
    interpreter = copy.copy(interpreter)  # virtualenv reuses its own
    interpreter.tcl_lib = interpreter.tk_lib = library
    return interpreter


def _quoted(quote: Callable[[str], str], text: str) -> str:
    """Return a text as an activator quotes it, and also quoted where zsh would expand it: ``=ls`` is a path there."""
    quoted = quote(text)
    return f"'{text}'" if quoted == text and (text.startswith("=") or ":=" in text) else quoted


@contextlib.contextmanager
def open_activators(executable: str, prompt: str | None, dest: str, app_data: str) -> Iterator[Activators]:
    """Yield the activators for an interpreter, also for one that this virtualenv no longer supports.

    ``dest`` is a directory that could be made; ``app_data`` as for :func:`open_session`.
    """
    options = () if prompt is None else (f"--prompt={prompt}",)
    with contextlib.ExitStack() as stack:
        try:
            session = stack.enter_context(open_session(executable, dest, app_data, *options))
        except (Exception, SystemExit):  # noqa: BLE001  # a lasting reason makes the next call fail
            session = stack.enter_context(open_session(sys.executable, dest, app_data, *options))
            # Its Tcl and Tk are those of another Python.
            session.creator.interpreter = _with_library(session.creator.interpreter, None)
        yield Activators(session)


@lru_cache(maxsize=64)
def written_lines(path: str, prompt: str | None) -> Mapping[str, tuple[str | None, ...]]:
    """Return the lines of each activation script as virtualenv writes it for an environment at ``path``, by name.

    ``None`` stands for a line that depends on the environment's Python.
    """
    place = f"{tempfile.gettempdir()}/envsync"
    with open_activators(sys.executable, prompt, place, f"{cache_directory()}/virtualenv") as activators:
        first, second = (dict(activators.render(path, library)) for library in _LIBRARIES)
    return {script: tuple(map(_common, text.split("\n"), second[script].split("\n"))) for script, text in first.items()}


def _common(line: str, other: str) -> str | None:
    return line if line == other and "site-packages" not in line else None


@lru_cache(maxsize=64)
def naming_lines(path: str) -> Mapping[str, frozenset[str]]:
    """Return the lines that name the directory ``path`` in each activation script, by name.

    A script with these lines names it, however its shell quotes the path.
    """
    place = f"{tempfile.gettempdir()}/envsync"
    with open_activators(sys.executable, None, place, f"{cache_directory()}/virtualenv") as activators:
        here = dict(activators.render(path))
        elsewhere = dict(activators.render(f"{_SOMEWHERE}/{os.path.basename(path)}"))
    return {
        script: frozenset(text.splitlines()) - frozenset(elsewhere[script].splitlines())
        for script, text in here.items()
    }
