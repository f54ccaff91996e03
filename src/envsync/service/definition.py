"""The text of the unit or agent that runs ``watch``. Pure."""

import plistlib
import re
from dataclasses import dataclass

__all__ = ["LABEL", "MARK", "UNIT", "Definition", "plist", "unit"]

UNIT = "envsync.service"
LABEL = "envs-toml.envsync"
MARK = "Written by `envsync service install`; `envsync service uninstall` removes it."
"""By this its own file is known."""
_SYSTEM = ("/usr", "/boot", "/efi")
_PLAIN = re.compile(r"[\w/ .,:+@~=-]+")
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108  # what PrivateTmp hides; nothing is written there


@dataclass(frozen=True, slots=True)
class Definition:
    """What is run, and how."""

    command: tuple[str, ...]
    """The command with its arguments, absolute."""
    variables: tuple[tuple[str, str], ...]
    """What the answer to a version request, or a manifest's meaning, hangs on: the same as in the user's shell."""
    folders: tuple[str, ...]
    """Where it reads or writes beside the home folder: what must not be hidden from it."""
    log: str
    """Where launchd puts what it says; systemd has its journal."""


def unit(definition: Definition) -> str:
    """Give the systemd user unit (systemd.service(5), systemd.exec(5))."""
    environment = [f"Environment={_quoted(f'{name}={value}')}" for name, value in definition.variables]
    private = [] if _any_below(definition.folders, _TEMPORARY) else ["PrivateTmp=yes"]
    protected = [] if _any_below(definition.folders, _SYSTEM) else ["ProtectSystem=yes"]
    lines = [
        f"# {MARK}",
        "[Unit]",
        "Description=Keep Python virtual environments as envs.toml says",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=notify",
        f"ExecStart={' '.join(_quoted(word, expands=True) for word in _startable(definition.command))}",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "Restart=on-failure",
        "RestartSec=30",
        "WatchdogSec=120",
        "# The watcher ends its own installers, at a point where nothing is half made.",
        "KillMode=mixed",
        "TimeoutStopSec=10",
        *environment,
        "NoNewPrivileges=yes",
        *private,
        *protected,
        "LockPersonality=yes",
        "RestrictRealtime=yes",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    return "\n".join(lines) + "\n"


def plist(definition: Definition) -> str:
    """Give the launchd agent (launchd.plist(5))."""
    content = {
        "Label": LABEL,
        "ProgramArguments": list(definition.command),
        "EnvironmentVariables": dict(definition.variables),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 30,
        "ProcessType": "Background",
        "StandardOutPath": definition.log,
        "StandardErrorPath": definition.log,
    }
    head, _, body = plistlib.dumps(content, sort_keys=False).decode().partition("\n")
    return f"{head}\n<!-- {MARK} -->\n{body}"


def _startable(command: tuple[str, ...]) -> tuple[str, ...]:
    """Let a shell start a program whose path systemd would not take: only arguments may be anything.

    Not ``env``, which takes a path with an ``=`` in it for a variable.
    """
    return command if _PLAIN.fullmatch(command[0]) else ("/bin/sh", "-c", 'exec "$0" "$@"', *command)


def _quoted(text: str, *, expands: bool = False) -> str:
    """Quote a word as systemd reads it (systemd.syntax(7), systemd.service(5))."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    if expands:
        escaped = escaped.replace("$", "$$")
    return '"' + "".join(one if one.isprintable() else _escape(one) for one in escaped) + '"'


def _escape(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode(errors="surrogateescape"))


def _any_below(folders: tuple[str, ...], tops: tuple[str, ...]) -> bool:
    return any(folder == top or folder.startswith(f"{top}/") for folder in folders for top in tops)
