"""What may stand where on a command line, as the completion of any shell needs to know it."""

from dataclasses import dataclass
from enum import Enum

from envsync.cli.arguments import COMMANDS, EVERYWHERE, Argument, Command


class Values(Enum):
    """What is written in a slot that offers no choices of its own."""

    NOTHING = "a flag"
    FILES = "files and directories"
    ENVIRONMENTS = "names of environments that the manifest declares"
    ANYTHING = "what only the user knows"


_OF_METAVAR = {"NAME": Values.ENVIRONMENTS, **dict.fromkeys(("FILE", "PATH", "PYTHON"), Values.FILES)}


@dataclass(frozen=True, slots=True)
class Slot:
    """An option with its value, or a position."""

    names: tuple[str, ...]
    """How an option is spelled; what a position is called inside."""
    help: str
    values: Values
    choices: tuple[str, ...] = ()
    repeated: bool = False


def options(command: Command) -> tuple[Slot, ...]:
    """Give the options that only this command has."""
    return tuple(_slot(one) for one in command.arguments if _is_option(one))


def positions(command: Command) -> tuple[Slot, ...]:
    """Give what else may stand behind a command."""
    return tuple(_slot(one) for one in command.arguments if not _is_option(one))


def valued() -> tuple[Slot, ...]:
    """Give each option behind which a value stands, of whichever commands, once."""
    slots = {slot.names: slot for group in (COMMON, *map(options, COMMANDS)) for slot in group}
    return tuple(slot for slot in slots.values() if slot.values is not Values.NOTHING)


def _is_option(argument: Argument) -> bool:
    return argument.names[0].startswith("-")


def _slot(argument: Argument) -> Slot:
    settings = argument.settings
    action, number = settings.get("action"), settings.get("nargs")
    values = _OF_METAVAR.get(settings.get("metavar", ""), Values.ANYTHING)
    if settings.get("metavar") == "-- CMD":
        values = Values.FILES  # another command's words
    if action == "store_true":
        values = Values.NOTHING
    repeated = action == "append" or number in {"*", "+"}
    return Slot(argument.names, settings["help"], values, tuple(settings.get("choices", ())), repeated)


COMMON = (*map(_slot, EVERYWHERE), Slot(("-h", "--help"), "show what there is, and end", Values.NOTHING))
"""The options that all commands have."""
