"""Expand paths as users write them, ``~`` and ``${VAR}``, make them absolute, and record what that depended on."""

import glob
import os
import re
from collections.abc import Callable

from envsync.cache.fingerprint import stamp_followed
from envsync.manifest.find import absolute
from envsync.manifest.wording import Unfit, escaped, quoted
from envsync.model.desired import Inputs
from envsync.model.system import VARIABLES

_ALWAYS = ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "ENVSYNC_FILE")


class Recorder:
    """Records paths and variables for :class:`envsync.model.desired.Inputs`."""

    def __init__(self) -> None:
        self._paths: dict[str, list[int]] = {}
        self._listed: dict[str, None] = {}
        self._variables = {name: VARIABLES.get(name) for name in _ALWAYS}
        # Without HOME the password database decides.
        self._replayable = self._variables["HOME"] is not None

    def saw(self, path: str) -> None:
        """Record a path whose state matters; to call before it is looked at."""
        if path not in self._paths:
            self._paths[path] = stamp_followed([path])

    def listed(self, directory: str) -> None:
        """Record a directory whose entries matter."""
        self.saw(directory)
        self._listed[directory] = None

    def variable(self, name: str) -> str | None:
        """Return an environment variable, and record it; ``None`` where it is unset."""
        if name not in self._variables:
            self._variables[name] = VARIABLES.get(name)
        return self._variables[name]

    def beyond_replay(self) -> None:
        """Record that the result depends on more than paths and variables."""
        self._replayable = False

    def inputs(self) -> Inputs:
        """Return what was recorded."""
        return Inputs(
            tuple(self._paths),
            tuple(self._listed),
            tuple(self._variables.items()),
            self._replayable,
            tuple(number for numbers in self._paths.values() for number in numbers),
        )


_DOLLAR = re.compile(r"\$\{([^}/]*)(\}?)")
"""``${HOME}``, or an unclosed ``${HOME``."""
NAME_FIELD = "{name}"
"""What stands for each environment's name in a path of ``[defaults]``."""
_FIELD = re.compile(r"\$\{([^}/]*)(\}?)|\{name\}")
"""A variable, or the above."""
_BRACES = re.compile(r"\{[^{}]*\}?|\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BARE_VARIABLE = re.compile(r"(?:^|/)\$([A-Za-z_][A-Za-z0-9_]*)")
"""``$HOME``, which is not expanded."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def full_path(text: str, directory: str, recorder: Recorder, name: str | None = None) -> str:
    """Return ``text`` expanded and absolute, relative to ``directory``. Raises ``Unfit``."""
    path = absolute(expand(text, recorder, name=name), directory, recorder.saw)
    _refuse_control(path)  # the directory of the manifest may have any name
    return path


def check_template(text: str) -> None:
    """Check a path of ``[defaults]``: ``{name}`` is in it, no other braces are. Raises ``Unfit``."""
    fields = _BRACES.findall(_DOLLAR.sub("", text))
    for field in fields:
        if field != NAME_FIELD:
            raise Unfit(f"{quoted(field)} is not replaced", f"only {NAME_FIELD} is, by the name of each environment")
    if not fields:
        hint = f"write {NAME_FIELD} where the name of each environment belongs, or the path in [envs.NAME]"
        raise Unfit("would be the same path for all environments", hint)


def is_literal(path: str) -> bool:
    """Check whether an absolute path may be written into a manifest as it is: there are no escapes for ``$``."""
    return path.isprintable() and not (_DOLLAR.search(path) or _BARE_VARIABLE.search(path))


def no_pattern(path: str) -> str:
    """Return what means ``path`` itself where a manifest takes a pattern."""
    return glob.escape(path)


def shortened(path: str, home: str) -> str:
    """Write a path as one would in a manifest, with ``~`` for the home directory."""
    return f"~{path[len(home) :]}" if len(home) > 1 and f"{path}/".startswith(f"{home}/") else path


def expand(text: str, recorder: Recorder, quote: Callable[[str], str] = str, name: str | None = None) -> str:
    """Return ``text`` with ``~`` and ``${VAR}`` replaced by their values, each passed through ``quote``.

    With a ``name``, ``{name}`` is replaced too. Values are not expanded again. Raises ``Unfit`` for an unset variable,
    an unknown user, control characters, and an empty result.
    """
    _refuse_control(text)
    head, rest = "", text
    if text.startswith("~"):
        user, slash, tail = text.partition("/")
        head, rest = quote(_home(user, recorder)), slash + tail
    if "$" in rest or name is not None:
        rest = _with_variables(rest, recorder, quote, name)
    expanded = head + rest
    if not expanded:
        raise Unfit("is an empty path" if not text else f"{quoted(text)} expands to nothing", "leave the key out")
    _refuse_control(expanded)
    return expanded


def _refuse_control(text: str) -> None:
    """Raise ``Unfit`` for what no line of a file or a script can hold."""
    if found := _CONTROL.search(text):
        raise Unfit(f"contains the control character {quoted(found[0])}: {quoted(text)}")


def _home(user: str, recorder: Recorder) -> str:
    if user != "~":
        # The password database is no file that could be stamped.
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


def _with_variables(text: str, recorder: Recorder, quote: Callable[[str], str], name: str | None) -> str:
    if bare := _BARE_VARIABLE.search(text):
        raise Unfit(f"${bare[1]} is not expanded", f"write ${{{bare[1]}}}")

    def value(match: re.Match[str]) -> str:
        variable = match[1]
        if variable is None:
            return match[0] if name is None else name
        if not match[2] or not _NAME.fullmatch(variable):
            raise Unfit(f"{quoted(match[0])} is not a variable", "write ${NAME}; no other forms are supported")
        found = recorder.variable(variable)
        if found is None:
            raise Unfit(f"the environment variable {variable} is not set", f"set {variable}, or write the path out")
        return quote(found)

    return _FIELD.sub(value, text)
