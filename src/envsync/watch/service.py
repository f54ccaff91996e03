"""``watch`` as a user service: the text of a systemd unit or launchd agent, and the supervisor that runs it."""

import os
import plistlib
import re
import shutil
from subprocess import TimeoutExpired
from typing import Protocol

from envsync.model.dataclass import dataclass
from envsync.model.problems import EnvsyncError, Problem
from envsync.model.system import ON_MACOS, VARIABLES
from envsync.observe.processes import run

UNIT = "envsync.service"
LABEL = "envs-toml.envsync"
MARK = "Written by `envsync service install`; `envsync service uninstall` removes it."
"""The line by which envsync knows its own file."""
_SYSTEM = ("/usr", "/boot", "/efi")
_PLAIN = re.compile(r"[\w/ .,:+@~=-]+")
"""A program's path that systemd takes, such as ``/usr/bin/python3.12`` (systemd.service(5))."""
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108  # what PrivateTmp hides; nothing is written there


@dataclass(frozen=True, slots=True)
class Definition:
    """The program to run as a service, and its environment."""

    command: tuple[str, ...]
    """The program's absolute path, and its arguments."""
    variables: tuple[tuple[str, str], ...]
    """Environment variables on which the manifest or a version request depends, with their values in the shell."""
    directories: tuple[str, ...]
    """Directories that it reads or writes besides the home directory, and must not be hidden from it."""
    log: str
    """The file for its output with launchd; systemd has its journal."""


def unit(definition: Definition) -> str:
    """Return the systemd user unit (systemd.service(5), systemd.exec(5))."""
    environment = [f"Environment={_quoted(f'{name}={value}')}" for name, value in definition.variables]
    private = [] if _any_below(definition.directories, _TEMPORARY) else ["PrivateTmp=yes"]
    protected = [] if _any_below(definition.directories, _SYSTEM) else ["ProtectSystem=yes"]
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
        "# The watcher ends its own installers, once nothing is unfinished.",
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
    """Return the launchd agent (launchd.plist(5))."""
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
    """Return a command that starts by a shell where systemd would not take the program's path.

    Not by env(1), which takes a path with ``=`` for a variable.
    """
    return command if _PLAIN.fullmatch(command[0]) else ("/bin/sh", "-c", 'exec "$0" "$@"', *command)


def _quoted(text: str, *, expands: bool = False) -> str:
    """Return a word quoted for systemd (systemd.syntax(7), systemd.service(5))."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    if expands:
        escaped = escaped.replace("$", "$$")
    return '"' + "".join(one if one.isprintable() else _escape(one) for one in escaped) + '"'


def _escape(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode(errors="surrogateescape"))


def _any_below(directories: tuple[str, ...], tops: tuple[str, ...]) -> bool:
    return any(directory == top or directory.startswith(f"{top}/") for directory in directories for top in tops)


_TIME_LIMIT = 60
"""Seconds for the supervisor to answer."""


@dataclass(frozen=True, slots=True)
class State:
    """The state of a service."""

    enabled: bool
    """Whether it starts at login."""
    running: bool
    detail: str
    """The supervisor's description, in a line."""


class Supervisor(Protocol):
    """Starts and stops the service that a file defines."""

    name: str
    file: str
    """The path of the definition."""

    def text(self, definition: Definition) -> str:
        """Return the file's content."""

    def start(self) -> None:
        """Load the file, start the service, and enable it at login. Raises ``EnvsyncError``."""

    def stop(self) -> None:
        """Stop the service and disable it; the file is still there. Raises ``EnvsyncError``."""

    def forget(self) -> None:
        """Forget the file, which has been removed. Raises ``EnvsyncError``."""

    def state(self) -> State:
        """Return its state. Raises ``EnvsyncError``."""


def supervisor() -> Supervisor:
    """Return this system's supervisor. Raises ``EnvsyncError`` (``service-unsupported``)."""
    if ON_MACOS:
        return Launchd()
    if shutil.which("systemctl") is None:
        hint = "Start `envsync watch` from whatever starts your session, or `envsync watch --once` from cron."
        raise EnvsyncError(Problem("service-unsupported", "this system has no systemd to run a service", hint))
    return Systemd()


class Systemd:
    """systemd's manager of user services (systemctl(1))."""

    name = "systemd"

    def __init__(self) -> None:
        config = VARIABLES.get("XDG_CONFIG_HOME", "")
        directory = config if config.startswith("/") else os.path.expanduser("~/.config")
        self.file = f"{directory}/systemd/user/{UNIT}"

    def text(self, definition: Definition) -> str:
        """Return the unit."""
        return unit(definition)

    def start(self) -> None:
        """Reload, enable and restart."""
        self._ask("daemon-reload")
        self._ask("enable", UNIT)
        self._ask("restart", UNIT)

    def stop(self) -> None:
        """Disable and stop."""
        self._ask("disable", "--now", UNIT)

    def forget(self) -> None:
        """Reload."""
        self._ask("daemon-reload")

    def state(self) -> State:
        """Return its state, from its properties."""
        output = self._ask("show", "--property=ActiveState,SubState,UnitFileState,StatusText", UNIT)
        found = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
        detail = f"{found.get('ActiveState', 'unknown')} ({found.get('SubState', '')})"
        text = found.get("StatusText", "")
        running = found.get("ActiveState") in {"active", "reloading", "activating"}
        return State(found.get("UnitFileState") == "enabled", running, f"{detail}: {text}" if text else detail)

    def _ask(self, *arguments: str) -> str:
        hint = f"See: systemctl --user status {UNIT}; journalctl --user -u {UNIT}"
        return _run(["systemctl", "--user", *arguments], hint)


class Launchd:
    """launchd's manager of a user's agents (launchctl(1))."""

    name = "launchd"

    def __init__(self) -> None:
        self.file = os.path.expanduser(f"~/Library/LaunchAgents/{LABEL}.plist")
        self._domain = f"gui/{os.getuid()}"

    def text(self, definition: Definition) -> str:
        """Return the agent."""
        return plist(definition)

    def start(self) -> None:
        """Load the agent, which starts it; one that is loaded is unloaded first."""
        if self._is_loaded():
            self._ask("bootout", f"{self._domain}/{LABEL}")
        self._ask("bootstrap", self._domain, self.file)

    def stop(self) -> None:
        """Unload the agent."""
        if self._is_loaded():
            self._ask("bootout", f"{self._domain}/{LABEL}")

    def forget(self) -> None:
        """Do nothing: launchd forgets what is unloaded."""

    def state(self) -> State:
        """Return its state, from what launchd prints."""
        if not self._is_loaded():
            return State(enabled=os.path.exists(self.file), running=False, detail="not loaded")
        output = self._ask("print", f"{self._domain}/{LABEL}")
        line = next((line.strip() for line in output.splitlines() if line.strip().startswith("state =")), "")
        return State(enabled=True, running=line == "state = running", detail=line.removeprefix("state = "))

    def _is_loaded(self) -> bool:
        try:
            self._ask("print", f"{self._domain}/{LABEL}")
        except EnvsyncError:
            return False
        return True

    def _ask(self, *arguments: str) -> str:
        return _run(["launchctl", *arguments], f"See: launchctl print {self._domain}/{LABEL}")


def _run(command: list[str], hint: str) -> str:
    shown = " ".join(command)
    try:
        done = run(command, VARIABLES, limit=_TIME_LIMIT)
    except (OSError, TimeoutExpired) as error:
        raise EnvsyncError(Problem("service-failed", f"{shown}: {error}", hint)) from error
    if done.status != 0:
        output = " / ".join((done.errors or done.output).strip().splitlines()[-2:])
        raise EnvsyncError(Problem("service-failed", f"{shown}: {output or f'exit status {done.status}'}", hint))
    return done.output
