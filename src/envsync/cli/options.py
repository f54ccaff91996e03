"""The command's options: what may be written, and what it means.

Named tuples, here and in ``arguments``: the module for dataclasses alone takes longer to load than --help should.
"""

import argparse
from collections.abc import Container, Iterable
from typing import Any, NamedTuple, NoReturn

from envsync import __version__
from envsync.cli.arguments import COMMANDS, EVERYWHERE, Argument


class Options(NamedTuple):
    """What a user asked for."""

    command: str
    names: tuple[str, ...] = ()
    file: str | None = None
    json: bool = False
    color: str = "auto"
    quiet: bool = False
    verbose: bool = False
    no_cache: bool = False
    as_trusted: bool = False
    """Whether even a manifest that was named has to be the one that was trusted, unchanged."""
    lock_timeout: float | None = None
    dry_run: bool = False
    pin: bool = False
    package: tuple[str, ...] = ()
    """The names of the packages to upgrade."""
    jobs: int = 0
    force_rebuild: tuple[str, ...] = ()
    deep: bool = False
    interval: float = 600.0
    settle: float = 0.5
    poll: bool = False
    once: bool = False
    action: str = ""
    """What a command that does several things is to do."""
    paths: tuple[str, ...] = ()
    yes: bool = False
    everything: bool = False
    orphans: bool = False
    list: bool = False
    """Whether to list what there is instead of doing anything."""
    words: tuple[str, ...] = ()
    """The command to run."""
    cross: bool = False
    freeze: bool = False
    versions: bool = False
    values: tuple[tuple[str, Any], ...] = ()
    """Keys of an environment, kebab-case, with what they are to hold."""
    shell: str = ""
    cd: bool = False
    """Whether a hook activates on ``cd``."""
    here: bool = False
    """Whether it is about the project in which one is."""
    interpreter: bool = False
    """Whether the Python of an environment is asked for, not its path."""
    format: str = ""
    python: str | None = None
    """An interpreter that a command is about."""


_EPILOG = """\
the manifest: --file, else $ENVSYNC_FILE, else envs.toml in the current directory or a parent,
else envsync/envs.toml in your configuration directory

exit status: 0 done, or in sync; 1 an environment failed or is in conflict; 2 wrong usage, or a
manifest that cannot be read; 3 check found drift; 130 interrupted;
143 terminated
"""


class _WrongUsage(Exception):  # noqa: N818  # inside this module alone
    """What is wrong, and the command whose help says what is right."""

    def __init__(self, message: str, command: str) -> None:
        super().__init__(message)
        self.message, self.command = message, command


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _WrongUsage(message, self.prog)


def parse(arguments: list[str]) -> Options:
    """Read the command line. Raises ``UsageError``; ``--help`` and ``--version`` raise ``SystemExit``."""
    arguments, words = split_run(arguments)
    given = _given(arguments)
    given["words"] = words
    for name in ("names", "force_rebuild", "paths", "words", "package"):
        value = given.get(name) or ()
        given[name] = (value,) if isinstance(value, str) else tuple(value)
    given["values"] = tuple((key.removeprefix("key_"), given.pop(key)) for key in [*given] if key.startswith("key_"))
    return Options(**given)


def split_run(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Split the arguments of ``run`` where the command begins: its options, those of envsync too, belong to it.

    It begins behind ``--``, or with the first word behind NAME that is no option. All else is returned whole.
    """
    place, positions = 0, 0
    while place < len(arguments):
        word = arguments[place]
        if word == "--" and positions:
            return arguments[:place], arguments[place + 1 :]
        if word in _WITH_VALUE:
            place += 1
        elif not word.startswith("-"):
            positions += 1
            if positions == 1 and word != "run":
                break
            if positions == _RUN_COMMAND:
                return arguments[:place], arguments[place:]
        place += 1
    return arguments, []


_RUN_COMMAND = 3
"""Which position is the command that ``run`` runs."""
_WITH_VALUE = frozenset(name for one in EVERYWHERE for name in one.names if one.settings.get("action") != "store_true")


def _given(arguments: list[str]) -> dict[str, Any]:
    try:
        return _parsed(arguments)
    except _WrongUsage as wrong:
        from envsync.model.problems import Problem, UsageError  # noqa: PLC0415  # only where something is wrong

        message, hint = wrong.message, f"See: {wrong.command} --help"
        if (word := _unknown_command(arguments)) is not None:
            message, hint = f"{word!r} is not a command", f"{_similar(word)}{hint}"
        raise UsageError(Problem("usage", message, hint)) from None


def _parsed(arguments: list[str]) -> dict[str, Any]:
    given, unknown = parser(arguments).parse_known_args(arguments)
    if unknown:
        message = f"unrecognized arguments: {' '.join(unknown)}"
        if given.command == "run":
            message += "; options of a command stand behind it: envsync run NAME CMD --option"
        raise _WrongUsage(message, f"envsync {given.command}")
    return vars(given)


def _unknown_command(arguments: list[str]) -> str | None:
    """Return the word that stands where a command belongs and is none."""
    try:
        words = _everywhere().parse_known_args(arguments)[1]
    except _WrongUsage:
        return None
    word = next((word for word in words if not word.startswith("-")), None)
    return word if word not in {command.name for command in COMMANDS} else None


def _similar(word: str) -> str:
    import difflib  # noqa: PLC0415  # only where something is wrong

    similar = difflib.get_close_matches(word, [command.name for command in COMMANDS], n=1)
    return f"Did you mean {similar[0]}? " if similar else ""


def _everywhere() -> _Parser:
    everywhere = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    _add(everywhere.add_argument_group("options for all commands"), EVERYWHERE)
    return everywhere


def parser(words: Container[str]) -> argparse.ArgumentParser:
    """Return the parser of a command line; of a command that is not among its words, only the name and the help."""
    everywhere = _everywhere()
    root = _Parser(
        prog="envsync",
        description="Keep Python virtual environments as one file, envs.toml, says they should be.",
        parents=[everywhere],
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EPILOG,
    )
    root.add_argument("--version", action="version", version=f"envsync {__version__}")
    commands = root.add_subparsers(prog="envsync", dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        if command.name not in words:
            commands.add_parser(command.name, help=command.help, add_help=False)
            continue
        inner = commands.add_parser(
            command.name,
            help=command.help,
            description=f"{command.help[0].upper()}{command.help[1:]}.",
            parents=[everywhere],
            allow_abbrev=False,
            argument_default=argparse.SUPPRESS,
        )
        _add(inner, command.arguments)
    return root


def _add(target: argparse._ActionsContainer, arguments: Iterable[Argument]) -> None:
    for argument in arguments:
        target.add_argument(*argument.names, **argument.settings)
