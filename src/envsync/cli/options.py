"""The command's options: what may be written, and what it means.

Named tuples, here and in ``grammar``: the module for dataclasses alone takes longer to load than --help should.
"""

import argparse
from collections.abc import Container, Iterable, Iterator
from typing import Any, NamedTuple, NoReturn

from envsync import __version__
from envsync.cli.arguments import ALIASES, COMMANDS, EVERYWHERE
from envsync.cli.grammar import Argument, Command


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
    exit_code: bool = False
    """Whether drift has an exit status of its own."""
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
    metrics: str = ""
    """The file for metrics, as given; empty for none."""
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


_COLUMN = 14
"""Where the texts of the commands begin in the help."""

_EPILOG = """\
the manifest:
  --file, else $ENVSYNC_FILE, else envs.toml in the current directory or a
  parent, else envsync/envs.toml in your configuration directory

exit status:
  0 done, or in sync; 1 an environment failed or is in conflict; 2 wrong usage,
  or a manifest that cannot be read; 3 check found drift; 130 interrupted;
  143 terminated

more of a command: envsync help COMMAND
"""


class _WrongUsage(Exception):  # noqa: N818  # inside this module alone
    """What is wrong, and the command whose help says what is right."""

    def __init__(self, message: str, command: str, advice: str = "") -> None:
        super().__init__(message)
        self.message, self.command, self.advice = message, command, advice


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _WrongUsage(message, self.prog)


class _Root(_Parser):
    """The parser whose help shows the commands in groups."""

    def format_help(self) -> str:
        """Return the help, no line of it longer than a terminal is wide."""
        from envsync.cli.vocabulary import GROUPS  # noqa: PLC0415  # only for the help

        texts = {command.name: command.help.partition(";")[0] for command in COMMANDS}
        commands = argparse.HelpFormatter(self.prog, max_help_position=_COLUMN)
        for title, names in GROUPS:
            commands.start_section(title)
            commands.add_arguments(argparse.Action([], name, help=texts[name]) for name in names if name in texts)
            commands.end_section()
        options = self._get_formatter()
        options.start_section("options for all commands")
        options.add_arguments(one for one in self._actions if one.option_strings)
        options.end_section()
        options.add_text(self.epilog)
        beginning = f"usage: envsync COMMAND [OPTION ...] [NAME ...]\n\n{self.description}\n"
        return f"{beginning}\n{commands.format_help()}\n{options.format_help()}"


def spelled_out(arguments: list[str]) -> list[str]:
    """Return a command line in the words of ``COMMANDS``: with another tool's word replaced, and ``help`` an option."""
    if not arguments:
        return ["--help"]
    at = _command_at(arguments)
    if at is None:
        return arguments
    word, before, after = arguments[at], arguments[:at], arguments[at + 1 :]
    if word == "help":
        return [*before, *(spelled_out(after[:1]) if after else ()), "--help"]
    return [*before, ALIASES.get(word, word), *after]


def _command_at(arguments: list[str]) -> int | None:
    """Return the index of the word that stands where a command belongs."""
    former = ""
    for at, word in enumerate(arguments):
        if not word.startswith("-") and former not in _WITH_VALUE:
            return at
        former = word
    return None


def parse(arguments: list[str]) -> Options:
    """Read the command line. Raises ``UsageError``; ``--help`` and ``--version`` raise ``SystemExit``."""
    arguments, words = split_run(arguments)
    given = _given(arguments)
    given["words"] = words
    for name in ("names", "force_rebuild", "paths", "words", "package"):
        value = given.get(name)
        given[name] = (value,) if isinstance(value, str) else tuple(value or ())
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
        from envsync.cli.vocabulary import answer  # noqa: PLC0415  # only where something is wrong
        from envsync.model.problems import Problem, UsageError  # noqa: PLC0415

        message, hint = wrong.message, f"{wrong.advice}See: {wrong.command} --help"
        at = _command_at(arguments)
        names = [command.name for command in COMMANDS]
        if at is not None and arguments[at] not in names:
            message, hint = f"{arguments[at]!r} is not a command", f"{answer(arguments[at], names)}{hint}"
        raise UsageError(Problem("usage", message, hint)) from None


def _parsed(arguments: list[str]) -> dict[str, Any]:
    given, unknown = parser(arguments).parse_known_args(arguments)
    if unknown:
        from envsync.cli.vocabulary import similar  # noqa: PLC0415  # only where something is wrong

        (command,) = (one for one in COMMANDS if one.name == given.command)
        names = [name for one in (*command.arguments, *EVERYWHERE) for name in one.names if name.startswith("--")]
        option = next((word.partition("=")[0] for word in unknown if word.startswith("--")), "")
        message = f"unrecognized arguments: {' '.join(unknown)}"
        if given.command == "run":
            message += "; options of a command stand behind it: envsync run NAME CMD --option"
        raise _WrongUsage(message, f"envsync {given.command}", similar(option, names))
    return vars(given)


def _everywhere() -> _Parser:
    everywhere = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    _add(everywhere.add_argument_group("options for all commands"), EVERYWHERE)
    return everywhere


def parser(words: Container[str]) -> argparse.ArgumentParser:
    """Return the parser of a command line; of a command that is not among its words, only the name and the help."""
    everywhere = _everywhere()
    root = _Root(
        prog="envsync",
        description="Keep Python virtual environments as one file, envs.toml, says they should be.",
        parents=[everywhere],
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EPILOG,
    )
    root.add_argument("-V", "--version", action="version", version=f"envsync {__version__}")
    commands = root.add_subparsers(
        parser_class=_Parser, prog="envsync", dest="command", required=True, metavar="COMMAND"
    )
    for command in (*COMMANDS, *_other_words(words)):
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


def _other_words(words: Container[str]) -> Iterator[Command]:
    """Yield the commands by other names that are among the words: a completion sees them, no parsed command line."""
    if "help" in words:
        names = {"choices": [one.name for one in COMMANDS], "nargs": "?"}
        yield Command("help", "show the help of a command", (Argument(("topic",), names),))
    others = {word: name for word, name in ALIASES.items() if word in words}
    yield from (one._replace(name=word) for word, name in others.items() for one in COMMANDS if one.name == name)


def _add(target: argparse._ActionsContainer, arguments: Iterable[Argument]) -> None:
    for argument in arguments:
        target.add_argument(*argument.names, **argument.settings)
