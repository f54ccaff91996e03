"""Scripts in ``bin``: names of interpreters, first lines that name one, and the launcher of an exposed Python."""

import re
import shlex

from envsync.model.system import ON_MACOS


def is_python_name(name: str) -> bool:
    """Check whether an entry of ``bin`` is a name of the interpreter, not of a script such as ``python-config``."""
    rest = name.removeprefix("pypy").removeprefix("graalpy").removeprefix("python")
    return rest == "" or (rest != name and rest.removesuffix("t").replace(".", "").isdigit())


def is_activator(name: str) -> bool:
    """Check whether an entry of ``bin`` is an activation script or the counterpart of one."""
    return name.lower().partition(".")[0] in {"activate", "deactivate", "activate_this"}


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


HEAD = 4096
"""How much of a file must be read to see its interpreter: the kernel's PATH_MAX, plus the trampoline's own text."""
_LONGEST = 512 if ON_MACOS else 127
"""The longest ``#!`` line that every kernel takes: BINPRM_BUF_SIZE before Linux 5.1, less the newline (execve(2))."""
_TRAMPOLINE = re.compile(rb"#!/bin/sh\n'''exec' (?P<token>.+?) \"\$0\" \"\$@\"\n' '''\n")
_LITERAL = re.compile(rb"""(?:'[^']*'|\\.|"(?:[^"\\$`]|\\.)*"|[^'"\\$`])+""")
"""A word that a shell leaves as it is: ``'/a $x'``, ``"/a b"``."""
_DIRECT = re.compile(rb"#!(?P<token>/[^\s\x00]*)(?P<rest>[^\n]*)\n")


def named_interpreter(head: bytes) -> str | None:
    """Tell the absolute path that a script's first lines run it with, ``None`` where there is none."""
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
    """Check whether a shell would expand the path in a script's first lines: pip puts it in double quotes."""
    trampoline = _TRAMPOLINE.match(head)
    return trampoline is not None and _LITERAL.fullmatch(trampoline["token"]) is None


def retarget(content: bytes, interpreter: str) -> bytes:
    """Make a script run with ``interpreter``, through ``/bin/sh`` where the path cannot stand in a ``#!`` line."""
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
    # The line that /bin/sh runs stands in a string for Python, which must not find an escape sequence in it.
    token = shlex.quote(interpreter).replace("\\", "'\"\\\\\"'")
    return _bytes(f"#!/bin/sh\n'''exec' {token}{arguments} \"$0\" \"$@\"\n' '''\n") + content[match.end() :]


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
