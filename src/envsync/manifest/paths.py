"""Paths as users write them: ``~`` and ``${VAR}`` expanded, made absolute, and recorded."""

import os
import re
from collections.abc import Callable

from envsync.cache.fingerprint import stamp_followed
from envsync.manifest.find import absolute
from envsync.manifest.wording import Unfit, escaped, quoted
from envsync.model.desired import Inputs

_ALWAYS = ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "ENVSYNC_FILE")


class Recorder:
    """Collects paths and variables, and gives them as :class:`envsync.model.desired.Inputs`."""

    def __init__(self) -> None:
        self._paths: dict[str, list[int]] = {}
        self._listed: dict[str, None] = {}
        self._variables = {name: os.environ.get(name) for name in _ALWAYS}
        # Without HOME the password database says where home is.
        self._replayable = self._variables["HOME"] is not None

    def saw(self, path: str) -> None:
        """Note a path whose state matters, before it is looked at."""
        if path not in self._paths:
            self._paths[path] = stamp_followed([path])

    def listed(self, directory: str) -> None:
        """Note a directory whose entries mattered."""
        self.saw(directory)
        self._listed[directory] = None

    def variable(self, name: str) -> str | None:
        """Return an environment variable, noted; None where it is unset."""
        if name not in self._variables:
            self._variables[name] = os.environ.get(name)
        return self._variables[name]

    def beyond_replay(self) -> None:
        """Note that something mattered that neither paths nor variables tell."""
        self._replayable = False

    def inputs(self) -> Inputs:
        """All that was noted."""
        return Inputs(
            tuple(self._paths),
            tuple(self._listed),
            tuple(self._variables.items()),
            self._replayable,
            tuple(number for numbers in self._paths.values() for number in numbers),
        )


_DOLLAR = re.compile(r"\$\{([^}/]*)(\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BARE_VARIABLE = re.compile(r"(?:^|/)\$([A-Za-z_][A-Za-z0-9_]*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def full_path(text: str, directory: str, recorder: Recorder) -> str:
    """``text`` expanded and absolute, relative to ``directory``; raises Unfit."""
    path = absolute(expand(text, recorder), directory, recorder.saw)
    _refuse_control(path)  # the directory of the manifest may have any name
    return path


def is_literal(path: str) -> bool:
    """Whether an absolute path, written as it is into a manifest, means itself: there are no escapes for ``$``."""
    return path.isprintable() and not (_DOLLAR.search(path) or _BARE_VARIABLE.search(path))


def shortened(path: str, home: str) -> str:
    """Write a path as one would in a manifest, with ``~`` for the home directory."""
    return f"~{path[len(home) :]}" if len(home) > 1 and f"{path}/".startswith(f"{home}/") else path


def expand(text: str, recorder: Recorder, quote: Callable[[str], str] = str) -> str:
    """``text`` with ``~`` and ``${VAR}`` replaced by what they stand for, each passed through ``quote``.

    What was put in is not expanded again. Raises Unfit for an unset variable, an
    unknown user, control characters, and where nothing is left.
    """
    _refuse_control(text)
    head, rest = "", text
    if text.startswith("~"):
        user, slash, tail = text.partition("/")
        head, rest = quote(_home(user, recorder)), slash + tail
    if "$" in rest:
        rest = _with_variables(rest, recorder, quote)
    expanded = head + rest
    if not expanded:
        raise Unfit("is an empty path" if not text else f"{quoted(text)} expands to nothing", "leave the key out")
    _refuse_control(expanded)
    return expanded


def _refuse_control(text: str) -> None:
    """Raise Unfit for what no line of a file or a script can hold."""
    if found := _CONTROL.search(text):
        raise Unfit(f"has the control character {quoted(found[0])} in it: {quoted(text)}")


def _home(user: str, recorder: Recorder) -> str:
    if user != "~":
        # The password database is no file that could be looked at again.
        recorder.beyond_replay()
    home = os.path.expanduser(user)
    if home == user:
        raise Unfit(
            f"{quoted(user)} is the home directory of an unknown user", f"a file of that name: ./{escaped(user)}"
        )
    variable = recorder.variable("HOME")
    if user == "~" and variable is not None and not variable.startswith("/"):
        raise Unfit("~ cannot be expanded: HOME is not an absolute path")
    return home.rstrip("/") or "/"


def _with_variables(text: str, recorder: Recorder, quote: Callable[[str], str]) -> str:
    if bare := _BARE_VARIABLE.search(text):
        raise Unfit(f"${bare[1]} is not expanded", f"write ${{{bare[1]}}}")

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if not match[2] or not _NAME.fullmatch(name):
            raise Unfit(f"{quoted(match[0])} is no variable", "write ${NAME}; there are no other forms")
        found = recorder.variable(name)
        if found is None:
            raise Unfit(f"the environment variable {name} is not set", f"set {name}, or write the path out")
        return quote(found)

    return _DOLLAR.sub(value, text)
