"""Real shells with the completion script loaded: typed into, or asked for what they would offer."""

import os
import pty
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from envsync.cli.completion import script
from harness.place import Place

__all__ = ["SHELLS", "offered", "type_into"]

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile"], ["HISTFILE="]),
    "zsh": (["zsh", "-f"], ["LISTMAX=999", "autoload -Uz compinit", "compinit -u -D"]),
    "fish": (["fish", "--no-config"], ["set -g fish_autosuggestion_enabled 0"]),
    "tcsh": (["tcsh", "-f"], []),
}
"""How each shell is started, without settings of the tester's, and what it is reported first."""

_ENVSYNC = """\
#!/bin/sh
[ ! "$_ARGCOMPLETE" ] || exec {python} -m envsync "$@"
printf '%s\\037' "$@" >>{record}
echo >>{record}
"""
"""Records its arguments, except where a completion script asks."""
_CAPTURE = """\
compadd() {{
    if [[ ${{@[1,(i)(-|--)]}} != *-[OAD]\\ * ]]; then
        builtin compadd -A captured "$@"
        print -rl -- $captured >>{offers}
    fi
    builtin compadd "$@"
}}
"""
_AT_TERMINAL = "import os, sys; os.login_tty(0); os.execvp(sys.argv[1], sys.argv[1:])"
_ENDLESS = 60
_END = "\x1e"


def type_into(place: Place, shell: str, lines: Iterable[str], by: str = "") -> list[list[str]]:
    """Return the arguments with which envsync is called for each line that is typed; a tab completes.

    The script is sourced, or found ``by`` a line that the shell is given before all others.
    """
    command, settings = _started(shell)
    bin_dir = _bin_dir(place, shell)
    source = [] if by else [f"source {shlex.quote(str(bin_dir / 'script'))}"]
    _type(place, command, [by, *settings, *source, *lines])
    return [line.split("\x1f")[:-1] for line in (bin_dir / "record").read_text(encoding="utf-8").splitlines()]


def offered(place: Place, shell: str, lines: Iterable[str]) -> list[set[str]]:
    """Return what the shell would offer at the end of each line; words of the lines stand a blank apart."""
    command, settings = _started(shell)
    bin_dir = _bin_dir(place, shell)
    source = f"source {shlex.quote(str(bin_dir / 'script'))}"
    if shell == "zsh":
        offers = bin_dir / "offers"
        capture = _CAPTURE.format(offers=shlex.quote(str(offers))).splitlines()
        asked = [f"{line}\t\rprint {_octal(_END)} >>{shlex.quote(str(offers))}" for line in lines]
        _type(place, command, [*settings, source, *capture, *asked])
        text = offers.read_text(encoding="utf-8")
    else:
        asked = [f"{_question(shell, line)}; printf {_octal(_END)}" for line in lines]
        code = "\n".join([*settings, source, *asked])
        done = subprocess.run(
            [*command, "-c", code],
            check=True,
            cwd=place.root,
            env=_variables(place, shell),
            capture_output=True,
            timeout=60,
        )
        assert done.stderr == b""
        text = done.stdout.decode()
    return [{word.partition("\t")[0].rstrip(" ") for word in one.splitlines() if word} for one in text.split(_END)[:-1]]


def _question(shell: str, line: str) -> str:
    if shell == "fish":
        return f"complete --do-complete {shlex.quote(line)}"
    asked = f"COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)}"
    return f"{asked}; _python_argcomplete_envsync envsync; printf '%s\\n' \"${{COMPREPLY[@]}}\""


def _octal(sign: str) -> str:
    return f"'\\{ord(sign):03o}'"


def _started(shell: str) -> tuple[list[str], list[str]]:
    command, settings = SHELLS[shell]
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {shell}, which is not installed here")
    return command, settings


def _bin_dir(place: Place, shell: str) -> Path:
    """Return a directory with an envsync for PATH, the completion script, and a file for what happens."""
    bin_dir = place.root.parent / "bin"
    bin_dir.mkdir()
    (bin_dir / "script").write_text(script(shell))
    (bin_dir / "record").touch()
    paths = {"python": sys.executable, "record": f"{bin_dir}/record"}
    envsync = bin_dir / "envsync"
    envsync.write_text(_ENVSYNC.format(**{key: shlex.quote(path) for key, path in paths.items()}))
    envsync.chmod(0o755)
    return bin_dir


def _variables(place: Place, shell: str) -> dict[str, str]:
    locale = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
    path = f"{place.root.parent / 'bin'}:{place.variables['PATH']}"
    return place.variables | {"TERM": "vt100" if shell == "tcsh" else "dumb", "LC_ALL": locale, "PATH": path}


def _type(place: Place, command: list[str], lines: Iterable[str]) -> None:
    """Type lines into a shell at a terminal of its own."""
    main, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _AT_TERMINAL, *command, "-i"],
        cwd=place.root,
        env=_variables(place, command[0]),
        stdin=terminal,
    )
    with process:
        os.close(terminal)
        reader = threading.Thread(target=_drain, args=(main,))
        reader.start()
        os.write(main, "".join(f"{line}\r" for line in (*lines, "exit")).encode())
        try:
            process.wait(_ENDLESS)
        finally:
            process.kill()
    reader.join()
    os.close(main)


def _drain(terminal: int) -> None:
    """Read what a shell shows until it ends: nobody looks, but it must not wait for a reader."""
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        pass
