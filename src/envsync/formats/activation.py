"""Read which directory an activation script names, and replace it where that is exact.

Builders quote it for each shell, in ways that change with their releases. So nothing is quoted here: a name that needs
no quotes stands verbatim in every script, and what cannot be read is rendered by :mod:`envsync.observe.activators`.
"""

import ast
import re
import shlex
from collections.abc import Callable, Collection, Iterator

from envsync.formats.staging_marker import PREFIX, is_staging_dir_name
from envsync.model.dataclass import dataclass

_PLAIN = re.compile(r"[\w./-]+", re.ASCII)
"""Text that no shell has to quote: ``/home/a/src/blog/.venv``."""
_HARMFUL = re.compile("[$`\"\\\\\u201c-\u201f]|['\u2018-\u201b].*[;|&<>()]")
"""What starts a command in some shell, or ends quotes first: ``$(id)``, ``it's;id``. PowerShell takes curly quotes."""
_ABSOLUTE = re.compile(r"(?<![\w.$}{@%+~-])(?:/[\w.+@%~-]+)+")
"""An absolute path: ``/home/a/.venv`` in ``setenv VIRTUAL_ENV '/home/a/.venv'``."""
_OWN = re.compile(r"\$\{?_?virtual_?env", re.IGNORECASE)
"""A variable of the script itself: ``$(cygpath "$VIRTUAL_ENV")``."""
_LITERAL = re.compile(r"""["']*/""")
"""The beginning of a value that is a directory, in any quotes: ``"/home/a"``."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The directory in an activation script."""

    right: bool
    """Whether the script names the directory that it should, or computes it from its own location."""
    named: str = ""
    """The wrong directory; empty where it cannot be read."""


RIGHT = Reading(right=True)
UNREADABLE = Reading(right=False)


def is_plain(text: str) -> bool:
    """Check whether a text stands verbatim in the scripts of every shell, quoted or not."""
    return _PLAIN.fullmatch(text) is not None


def is_harmful(text: str) -> bool:
    """Check whether some shell may run parts of a text as commands, where a builder does not quote it for that shell.

    Quotes do not help in a prompt: bash expands it each time that it is shown.
    """
    return _HARMFUL.search(text) is not None


def read(script: str, text: str, path: str, former: Collection[str] = ()) -> Reading:
    """Return whether an activation script names the directory ``path``.

    ``former`` are directories where the environment is known to have been.
    """
    values = [value for _, value in _values(script, text)]
    named = [value for value in values if isinstance(value, str)]
    others = [name for name in named if name != path]
    if PREFIX in text or any(place in text for place in former):
        found = _absolute_paths(text)
        stale = [place for place in found if place in former or any(map(is_staging_dir_name, place.split("/")))]
        others += [place for place in stale if place not in {path, *others} and place not in path]
    if others:
        return Reading(right=False, named=others[0])
    if named or (is_plain(path) and names_verbatim(text, path)):
        return RIGHT
    if values:
        return RIGHT if all(value is _COMPUTED for value in values) else UNREADABLE
    return _read_unknown(script, text, path)


def names_verbatim(text: str, path: str) -> bool:
    """Check whether a text holds a directory's name verbatim, and not as part of a longer one."""
    return path in text and re.search(_wherever(path), text) is not None


def renamed(text: str, old: str, new: str, *, has_prompt: bool) -> str | None:
    """Return an activation script with ``old`` replaced by ``new``, or ``None`` where that is not enough.

    Both names have to need no quotes. Without a prompt of the environment's own, the script must not hold one that a
    builder derived from the old name.
    """
    if not (is_plain(old) and is_plain(new)) or (not has_prompt and _shows_name(text, old, old, new)):
        return None
    changed = re.sub(_wherever(old), lambda _: new, text)
    return None if changed == text else changed


def transplanted(script: str, text: str, fresh: str, path: str, *, has_prompt: bool) -> str | None:
    """Return an activation script that names ``path``, quoted as in ``fresh``, and is otherwise unchanged.

    ``None`` where the quotes of either cannot be read, or more than the directory has to change.
    """
    quoted = next((token for token, value in _values(script, fresh) if value == path), None)
    former = {token: value for token, value in _values(script, text) if isinstance(value, str) and value != path}
    if quoted is None or not former:
        return None
    for token, value in former.items():
        if not has_prompt and _shows_name(text, token, value, path):
            return None
        edge = "" if token[-1] in "'\"#)" else r"(?![\w.+@%-])"
        text = re.sub(rf"(?<![\w/.]){re.escape(token)}{edge}", lambda _: quoted, text)
    return text if read(script, text, path).right else None


def _shows_name(text: str, token: str, old: str, new: str) -> bool:
    """Check whether a script shows the old directory's name: ``(old) ``, ``VIRTUAL_ENV_PROMPT='old'``."""
    before, after = old.rpartition("/")[2], new.rpartition("/")[2]
    rest = text.replace(token, "")
    return before != after and re.search(rf"(?<=[('\"=]){re.escape(before)}(?=[)'\"\s])", rest) is not None


def _read_unknown(script: str, text: str, path: str) -> Reading:
    """Read a script that sets the directory in an unknown way."""
    last = f"/{path.rpartition('/')[2]}"
    found = _absolute_paths(text) if last in text else ()
    others = [place for place in found if place.endswith(last) and not path.startswith(place)]
    if others:
        return Reading(right=False, named=others[0])
    return UNREADABLE if script in _ASSIGNMENTS and not script.endswith(".bat") else RIGHT


def _wherever(path: str) -> str:
    return rf"(?<![\w/.@%+-]){re.escape(path)}(?![\w.@%+-])"


def _absolute_paths(text: str) -> list[str]:
    """Return the absolute paths in a text; of ``DIR/bin`` and the script in it, ``DIR``."""
    found = dict.fromkeys(match[0] for match in _ABSOLUTE.finditer(text))
    return [place.removesuffix("/deactivate.csh").removesuffix("/bin") for place in found]


class _Computed:
    """Stands for a directory that the shell computes."""


_COMPUTED = _Computed()
_Value = str | _Computed | None
"""An assigned value: a directory, one that the shell computes, or ``None`` where the quotes cannot be read."""


def _values(script: str, text: str) -> Iterator[tuple[str, _Value]]:
    """Yield each assignment of the directory in an activation script: the value as written, and unquoted."""
    known = _ASSIGNMENTS.get(script)
    if known is None:
        return
    anchors, pattern, take = known
    for line in _lines_with(text, anchors):
        match = pattern.match(line)
        if match is None or _OWN.search(match["token"]):
            continue  # computed from an earlier assignment, as for Cygwin
        token = match["token"]
        value = take(token)
        if value:
            if not value.isascii():  # a character may stand there byte by byte
                value = value.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
            yield token, value
        else:
            # In xonsh a literal may be a call too; only one that looks for the script itself computes.
            computes = "__file__" in token if script == "activate.xsh" else re.search(r"[$`(]", token)
            yield token, _COMPUTED if computes and not _LITERAL.match(token) else None


def _lines_with(text: str, anchors: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines that hold one of some words: ten times as fast as a pattern on each line."""
    for anchor in anchors:
        at = text.find(anchor)
        while at >= 0:
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            yield text[text.rfind("\n", 0, at) + 1 : end]
            at = text.find(anchor, end)


def _shell_value(token: str) -> str | None:
    inner = token[1:-1] if token[0] == token[-1] == "'" else token
    if is_plain(inner):  # nearly every one, and ten times as fast as shlex
        return inner
    if re.search(r"[$`(]", re.sub(r"'[^']*'|\"[^\"$`]*\"|\\.", "", token)):
        return None
    try:
        words = shlex.split(token)
    except ValueError:
        return None
    return words[0] if len(words) == 1 else None


def _csh_value(token: str) -> str | None:
    return _shell_value(token.replace("\\!", "!"))  # csh expands `!` in any quotes


def _nu_value(token: str) -> str | None:
    raw = re.fullmatch(r"r(#+)'(.*)'\1", token, re.DOTALL)
    return raw[2] if raw else _shell_value(token)


def _python_value(token: str) -> str | None:
    token = token.removeprefix("self._fs_path(").partition(", required=")[0]
    if token[:1] == token[-1:] == "'" and is_plain(token[1:-1]):  # ast leaves garbage behind
        return token[1:-1]
    try:
        value = ast.literal_eval(token)
    except (ValueError, SyntaxError):
        return None
    return value if isinstance(value, str) else None


def _bat_value(token: str) -> str:
    return token.replace("%%", "%")


_ASSIGNMENTS: dict[str, tuple[tuple[str, ...], re.Pattern[str], Callable[[str], str | None]]] = {
    # export VIRTUAL_ENV='/home/a b/.venv'
    "activate": (
        ("VIRTUAL_ENV=",),
        re.compile(r"[ \t]*(?:export[ \t]+)?VIRTUAL_ENV=(?P<token>\S.*?)[ \t]*$"),
        _shell_value,
    ),
    # setenv VIRTUAL_ENV '/home/a b/.venv', or set _virtualenv_dir='/home/a b/.venv'
    "activate.csh": (
        ("setenv VIRTUAL_ENV", "set _virtualenv_dir"),
        re.compile(
            r"[ \t]*set(?:env[ \t]+VIRTUAL_ENV[ \t]+|[ \t]+_virtualenv_dir[ \t]*=[ \t]*)(?P<token>\S.*?)[ \t]*$"
        ),
        _csh_value,
    ),
    # set -gx VIRTUAL_ENV '/home/a b/.venv'
    "activate.fish": (
        ("VIRTUAL_ENV ",),
        re.compile(r"[ \t]*set[ \t]+-gx[ \t]+VIRTUAL_ENV[ \t]+(?P<token>\S.*?)[ \t]*$"),
        _shell_value,
    ),
    # let virtual_env = r#'/home/a b/.venv'#
    "activate.nu": (
        ("virtual_env =",),
        re.compile(r"[ \t]*(?:let|const)[ \t]+virtual_env[ \t]*=[ \t]*(?P<token>\S.*?)[ \t]*$"),
        _nu_value,
    ),
    # @set "VIRTUAL_ENV=/home/a b/.venv" (uv writes it on every platform)
    "activate.bat": (
        ("VIRTUAL_ENV=", "for %%i in"),
        re.compile(r"@?(?:set \"VIRTUAL_ENV=|for %%i in \(\")(?P<token>(?:[^%\n]|%%)+?)\"(?:\) do|$)"),
        _bat_value,
    ),
    # self.embedded_virtual_env = '/home/a b/.venv', or self._fs_path('/home/a b/.venv', required=True)
    "activate.xsh": (
        ("self.embedded_virtual_env",),
        re.compile(r"[ \t]*self\.embedded_virtual_env[ \t]*=[ \t]*(?P<token>\S.*?)[ \t]*$"),
        _python_value,
    ),
}
"""By script: words to find the lines of assignments by, the pattern of one, and the function that unquotes it."""
