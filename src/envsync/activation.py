"""The activation scripts of an environment: which folder they name, and how to make them name another.

Pure: text in, text out. venv, virtualenv and uv each write the folder in their own
quotes, but always as the value that ``VIRTUAL_ENV`` is set to. That token is found
there, and replaced wherever else it stands; what a user has added stays.
"""

import ast
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass

__all__ = ["SCRIPTS", "named_folder", "quoted", "retarget", "split"]


@dataclass(frozen=True, slots=True)
class _Dialect:
    assignment: re.Pattern[str]
    """Finds the assignment; its group ``token`` is the value as written."""
    read: Callable[[str], str | None]
    """Take the quotes off a token; ``None`` where the shell would compute it."""
    quote: Callable[[str], str]


def named_folder(script: str, text: str) -> str | None:
    """Tell the folder that an activation script names, ``None`` if it computes it or names none."""
    return next((folder for _, folder in _assignments(SCRIPTS[script], text)), None)


def retarget(script: str, text: str, folder: str) -> str:
    """Make an activation script name ``folder``, in whatever quotes its shell needs."""
    dialect = SCRIPTS[script]
    wanted = dialect.quote(folder)
    for token, named in list(_assignments(dialect, text)):
        if named != folder:
            text = re.sub(_wherever(token), lambda _: wanted, text)
    return text


def split(script: str, text: str, folder: str) -> list[str]:
    """Split an activation script wherever it names ``folder``."""
    tokens = dict.fromkeys(token for token, named in _assignments(SCRIPTS[script], text) if named == folder)
    return re.split("|".join(map(_wherever, tokens)), text) if tokens else [text]


def quoted(script: str, folder: str) -> str:
    """Give a folder in the quotes that the shell of an activation script needs."""
    return SCRIPTS[script].quote(folder)


def _wherever(token: str) -> str:
    # A bare word may be the beginning of another one; a quoted one ends where it ends.
    edge = "" if token[-1] in "'\"#" else r"(?![\w.+@%-])"
    return rf"(?<![\w/.]){re.escape(token)}{edge}"


_PLAIN = re.compile(r"'(?P<quoted>[^'\\\n]+)'|(?P<bare>[\w/.+@%-]+)", re.ASCII)
"""What nearly every token is: reading it as a shell would takes ten times as long."""


def _assignments(dialect: _Dialect, text: str) -> Iterator[tuple[str, str]]:
    for match in dialect.assignment.finditer(text):
        token = match["token"]
        folder = dialect.read(token)
        if folder:
            yield token, folder


def _read_shell(token: str) -> str | None:
    if plain := _PLAIN.fullmatch(token):
        return plain["quoted"] or plain["bare"]
    if re.search(r"[$`(]", re.sub(r"'[^']*'|\"[^\"$`]*\"|\\.", "", token)):
        return None  # computed by the shell: a relocatable script, or one for Cygwin
    try:
        words = shlex.split(token)
    except ValueError:
        return None
    return words[0] if len(words) == 1 else None


def _read_nu(token: str) -> str | None:
    raw = re.fullmatch(r"r(#+)'(.*)'\1", token)
    return raw[2] if raw else _read_shell(token)


def _read_python(token: str) -> str | None:
    try:
        value = ast.literal_eval(token)
    except (ValueError, SyntaxError):
        return None
    return value if isinstance(value, str) else None


def _read_bat(token: str) -> str:
    return token.replace("%%", "%")


def _quote_csh(text: str) -> str:
    # csh expands history inside single quotes, and tcsh's backslash_quote gives the backslash a meaning there.
    quoted = "'" + text.replace("'", "'\"'\"'") + "'"
    return quoted.replace("\\", "'\\\\'").replace("!", "'\\!'")


def _quote_fish(text: str) -> str:
    return "'" + re.sub(r"[\\']", r"'\\\g<0>'", text) + "'"


def _quote_nu(text: str) -> str:
    sharps = "#" * (max(map(len, re.findall("#+", text)), default=0) + 1)
    return f"r{sharps}'{text}'{sharps}"


def _quote_bat(text: str) -> str:
    return text.replace("%", "%%")


SCRIPTS = {
    "activate": _Dialect(
        re.compile(r"^[ \t]*(?:export[ \t]+)?VIRTUAL_ENV=(?P<token>\S.*?)[ \t]*$", re.MULTILINE),
        _read_shell,
        shlex.quote,
    ),
    "activate.csh": _Dialect(
        re.compile(r"^[ \t]*setenv[ \t]+VIRTUAL_ENV[ \t]+(?P<token>\S.*?)[ \t]*$", re.MULTILINE),
        _read_shell,
        _quote_csh,
    ),
    "activate.fish": _Dialect(
        re.compile(r"^[ \t]*set[ \t]+-gx[ \t]+VIRTUAL_ENV[ \t]+(?P<token>\S.*?)[ \t]*$", re.MULTILINE),
        _read_shell,
        _quote_fish,
    ),
    "activate.nu": _Dialect(
        re.compile(r"^[ \t]*(?:let|const)[ \t]+virtual_env[ \t]*=[ \t]*(?P<token>\S.*?)[ \t]*$", re.MULTILINE),
        _read_nu,
        _quote_nu,
    ),
    "activate.bat": _Dialect(  # uv writes it on every platform
        re.compile(r"^@?(?:set \"VIRTUAL_ENV=|for %%i in \(\")(?P<token>(?:[^%\n]|%%)+)\"(?:\) do|$)", re.MULTILINE),
        _read_bat,
        _quote_bat,
    ),
    "activate.xsh": _Dialect(
        re.compile(r"^[ \t]*self\.embedded_virtual_env[ \t]*=[ \t]*(?P<token>\S.*?)[ \t]*$", re.MULTILINE),
        _read_python,
        ascii,
    ),
}
"""The activation scripts that name their environment; those for PowerShell and Python find it by their own place."""
