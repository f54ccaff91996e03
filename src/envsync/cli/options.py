"""The command's options: what may be written, and what it means."""

import argparse
import os
from dataclasses import dataclass
from typing import NoReturn

from envsync import __version__
from envsync.errors import Problem, UsageError

__all__ = ["Options", "parse"]


@dataclass(frozen=True, slots=True)
class Options:
    """What a user asked for."""

    command: str
    names: tuple[str, ...] = ()
    file: str | None = None
    json: bool = False
    color: str = "auto"
    quiet: bool = False
    verbose: bool = False
    no_cache: bool = False
    lock_timeout: float | None = None
    dry_run: bool = False
    jobs: int = 0
    force_rebuild: tuple[str, ...] = ()
    interval: float = 600.0
    settle: float = 0.5
    poll: bool = False
    once: bool = False
    action: str = ""
    """What a command that does several things is to do."""


_EPILOG = """\
the manifest: --file, else $ENVSYNC_FILE, else envs.toml in the current folder or a parent,
else envsync/envs.toml in your configuration folder

exit status: 0 done, or in sync; 1 an environment failed or is in conflict; 2 wrong usage, or a
manifest that cannot be read; 3 check found drift; 130 interrupted
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(Problem("usage", message, f"See: {self.prog} --help"))


def parse(arguments: list[str]) -> Options:
    """Read the command line. Raises ``UsageError``; ``--help`` and ``--version`` raise ``SystemExit``."""
    given = vars(_parser().parse_args(arguments))
    given["names"] = tuple(given.get("names") or ())
    given["force_rebuild"] = tuple(given.get("force_rebuild") or ())
    given["jobs"] = given.get("jobs") or min(32, 2 * (os.cpu_count() or 1))
    return Options(**given)


def _parser() -> argparse.ArgumentParser:
    everywhere = _everywhere()
    parser = _Parser(
        prog="envsync",
        description="Keep Python virtual environments as one file, envs.toml, says they should be.",
        parents=[everywhere],
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"envsync {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str, names: str | int = "*") -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, parents=[everywhere], allow_abbrev=False)
        command.add_argument("names", nargs=names, metavar="NAME", help="environments; all where none is named")
        return command

    apply = add("apply", "create, repair or rebuild what differs from the manifest")
    apply.add_argument("--dry-run", action="store_true", default=argparse.SUPPRESS, help="the same as plan")
    plan = add("plan", "show what apply would do, and why; writes nothing but caches")
    for command in (apply, plan):
        command.add_argument(
            "--force-rebuild", action="append", metavar="NAME", help="rebuild this environment even if nothing is wrong"
        )
    add("check", "say in one line whether all is in sync; exit status 3 on drift")
    add("status", "show a table of the environments")
    watch = add("watch", "reconcile whenever something changes that the environments hang on")
    _add_watch_options(watch)
    for command in (apply, watch):
        command.add_argument(
            "--jobs", type=_count, metavar="N", help="environments to work on side by side (default: 2 for each core)"
        )
    service = commands.add_parser(
        "service",
        help="let your system run watch: install, uninstall, show or status",
        description="Let systemd (launchd on macOS) run `envsync watch` for you.",
        parents=[everywhere],
        allow_abbrev=False,
    )
    service.add_argument("action", choices=("install", "uninstall", "show", "status"), help="what to do")
    service.add_argument("--poll", action="store_true", default=argparse.SUPPRESS, help="let it poll, as watch --poll")
    add("rollback", "swap an environment back to the generation that is kept of it", names=1)
    add("explain", "show an environment's link chains hop by hop, and each check with what was found", names="+")
    return parser


def _add_watch_options(watch: argparse.ArgumentParser) -> None:
    watch.argument_default = argparse.SUPPRESS
    watch.add_argument("--settle", type=_seconds, metavar="SECONDS", help="quiet before acting (default: 0.5)")
    watch.add_argument("--interval", type=_period, metavar="SECONDS", help="between full passes (default: 600)")
    watch.add_argument("--poll", action="store_true", help="look every 2 seconds: for network file systems")
    watch.add_argument("--once", action="store_true", help="end after one settled pass")


def _everywhere() -> _Parser:
    options = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    group = options.add_argument_group("options for all commands")
    group.add_argument("--file", metavar="FILE", help="the manifest")
    group.add_argument("--json", action="store_true", help="one JSON document on standard output")
    group.add_argument("--color", choices=("auto", "always", "never"), help="auto: on terminals, minding NO_COLOR")
    group.add_argument("-q", "--quiet", action="store_true", help="only problems")
    group.add_argument("-v", "--verbose", action="store_true", help="list the unchanged too")
    group.add_argument("--no-cache", action="store_true", help="neither read nor write caches")
    group.add_argument(
        "--lock-timeout", type=_seconds, metavar="SECONDS", help="how long to wait for another pass (default: 60)"
    )
    return options


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _period(text: str) -> float:
    number = _seconds(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is less than a second")
    return number


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < 1e9:  # noqa: PLR2004  # also refuses nan
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return number
