"""Scripts in ``bin``: names of interpreters, ``#!`` lines, and the launcher of an exposed Python."""

import re
import shlex

from envsync.model.system import ON_MACOS


def is_python_name(name: str) -> bool:
    """Check whether an entry of ``bin`` is named as an interpreter: ``python3.13t``, not ``python-config``."""
    rest = name.removeprefix("pypy").removeprefix("graalpy").removeprefix("python")
    return rest == "" or (rest != name and rest.removesuffix("t").replace(".", "").isdigit())


def is_activator(name: str) -> bool:
    """Check whether an entry of ``bin`` is named as an activation or deactivation script."""
    return name.lower().partition(".")[0] in {"activate", "deactivate", "activate_this"}


_HEAD = "#!/bin/sh\n# Made by envsync: Python finds its environment only where it is started by its name in there.\n"


def launcher(command: str) -> str:
    """Return the script that runs a command by its absolute path."""
    return f'{_HEAD}exec {shlex.quote(command)} "$@"\n'


def launched(text: str) -> str | None:
    """Return the command of a script made by :func:`launcher`; ``None`` for any other text."""
    try:
        words = shlex.split(text.removeprefix(_HEAD))
    except ValueError:
        return None
    command = words[1] if len(words) == 3 else ""  # noqa: PLR2004  # exec COMMAND "$@"
    return command if command and text == launcher(command) else None


HEAD = 4096
"""Bytes to read of a script to see its interpreter: PATH_MAX, and room for the trampoline."""
_LONGEST = 512 if ON_MACOS else 127
"""Bytes of the longest ``#!`` line that every kernel reads: BINPRM_BUF_SIZE before Linux 5.1 (execve(2))."""
_TRAMPOLINE = re.compile(rb"#!/bin/sh\n'''exec' (?P<token>.+?) \"\$0\" \"\$@\"\n' '''\n")
"""pip's and distlib's ``#!/bin/sh``, then ``'''exec' '/a b/bin/python' "$0" "$@"``."""
_LITERAL = re.compile(rb"""(?:'[^']*'|\\.|"(?:[^"\\$`]|\\.)*"|[^'"\\$`])+""")
"""A word in which a shell expands nothing: ``'/a $x'``, ``"/a b"``."""
_DIRECT = re.compile(rb"#!(?P<token>/[^\s\x00]*)(?P<rest>[^\n]*)\n")
"""``#!/a/bin/python -E``."""


def named_interpreter(head: bytes) -> str | None:
    """Return the absolute path of the interpreter in a script's first lines, ``None`` where there is none."""
    if not head.startswith(b"#!"):
        return None
    trampoline = _TRAMPOLINE.match(head)
    if trampoline:
        try:
            words = shlex.split(_text(trampoline["token"]))
        except ValueError:
            return None
        return words[0] if words else None
    direct = _DIRECT.match(head)
    return _text(direct["token"]) if direct else None


def is_expanded(head: bytes) -> bool:
    """Check whether a shell would expand the interpreter's path: pip puts it in double quotes."""
    trampoline = _TRAMPOLINE.match(head)
    return trampoline is not None and _LITERAL.fullmatch(trampoline["token"]) is None


def retarget(content: bytes, interpreter: str) -> bytes:
    """Return a script that runs with ``interpreter``, through ``/bin/sh`` where a ``#!`` line cannot hold the path."""
    match = _TRAMPOLINE.match(content)
    if match is not None:
        arguments = "".join(f" {word}" for word in shlex.split(_text(match["token"]))[1:])
    else:
        match = _DIRECT.match(content)
        if match is None:
            return content
        arguments = _text(match["rest"].rstrip())
    line = _bytes(f"#!{interpreter}{arguments}")
    if len(line) <= _LONGEST and not re.search(r"\s", interpreter):
        return line + b"\n" + content[match.end() :]
    # Python reads the line for /bin/sh as a string: it must hold no escape sequence.
    token = shlex.quote(interpreter).replace("\\", "'\"\\\\\"'")
    return _bytes(f"#!/bin/sh\n'''exec' {token}{arguments} \"$0\" \"$@\"\n' '''\n") + content[match.end() :]


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
