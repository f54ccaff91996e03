"""What a command and an argument are, and how each is declared: for ``arguments``, which declares them all."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Argument(NamedTuple):
    """One option or position, with what :meth:`argparse.ArgumentParser.add_argument` is passed."""

    names: tuple[str, ...]
    settings: Mapping[str, Any]


class Command(NamedTuple):
    """A command, what it does in a line, and its arguments."""

    name: str
    help: str
    own: tuple[Argument, ...] = ()
    takes_keys: bool = False
    """Whether every key of an environment is an option of it."""

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """All of its options and positions, besides those that all commands have."""
        return (*self.own, *_key_options()) if self.takes_keys else self.own


def flag(*names: str, text: str) -> Argument:
    """Return an option without a value."""
    return Argument(names, {"action": "store_true", "help": text})


def option(*names: str, metavar: str, text: str, **settings: Any) -> Argument:
    """Return an option with a value, which the help calls ``metavar``."""
    return Argument(names, {"metavar": metavar, "help": text, **settings})


def position(name: str, text: str, **settings: Any) -> Argument:
    """Return an argument that is no option."""
    return Argument((name,), {"help": text, **settings})


def count(text: str) -> int:
    """Read a whole number of 1 or more. Raises ``ArgumentTypeError``."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def seconds(text: str) -> float:
    """Read a number of seconds. Raises ``ArgumentTypeError``."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < 1e9:  # noqa: PLR2004  # also refuses nan
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return number


def metrics_file(text: str) -> str:
    """Read the name of a file for metrics. Raises ``ArgumentTypeError``."""
    if not text.endswith(".prom"):
        message = f"{text!r} does not end in .prom: node_exporter's textfile collector would ignore it"
        raise argparse.ArgumentTypeError(message)
    return text


def period(text: str) -> float:
    """Read a number of seconds of 1 or more. Raises ``ArgumentTypeError``."""
    number = seconds(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is less than a second")
    return number


def _key_options() -> Iterator[Argument]:
    """Make an option for each key of an environment, from what the manifest's tables say of it."""
    from envsync.manifest import environment_keys  # noqa: PLC0415  # brings pydantic

    for key in environment_keys():
        name, more = key.name, ""
        settings: dict[str, Any] = {"dest": f"key_{name}"}
        if key.is_flag and key.default:
            name, settings["action"] = f"no-{name}", "store_false"
        elif key.is_flag:
            settings["action"] = "store_true"
        elif key.choices:
            settings["choices"] = key.choices
        else:
            settings["metavar"] = "PATH" if key.is_relative("") else "VALUE"
        if key.is_list:
            settings["action"], more = "append", "; may be given several times"
        text = f"do not {key.description}" if name != key.name else f"{key.description}{more}"
        yield Argument((f"--{name}",), {"help": text, **settings})
