"""Checks of values beyond their TOML type: each returns the value, or raises ``Unfit``."""

import contextlib
import functools
import re
import shlex
from unicodedata import category

from envsync.formats.redact import redacted
from envsync.manifest.paths import NAME_FIELD
from envsync.manifest.wording import Unfit, escaped, listing, quoted, shown
from envsync.model.desired import PLACEHOLDERS

BUILDERS = ("virtualenv", "uv", "venv")
_VERSION = 1
_LONGEST_NAME = 100
_PACKAGE_NAME = re.compile(r"[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?", re.IGNORECASE | re.ASCII)
"""``dev``, ``lint-3.12`` (PEP 508)."""
_MOST_REQUIREMENTS = 4096
_SHOWN = 3
"""Values in a hint."""


def version(value: object) -> object:
    """Check the version of the manifest's format; 1.0 and true are none."""
    if type(value) is int and value == _VERSION:
        return value
    newer = type(value) is int and value > _VERSION
    hint = "this envsync reads version 1; a newer release may read this file" if newer else "write version = 1"
    raise Unfit(f"must be 1, not {shown(value)}", hint)


def environment_name(name: str) -> str:
    """Check a name that becomes a file name, a prompt and an argument."""
    hint = f"a name is printable, without spaces and slashes, and at most {_LONGEST_NAME} characters long"
    if not name:
        raise Unfit("an environment's name is empty", hint)
    if name.startswith(("-", ".")):
        raise Unfit(f"an environment's name begins with {quoted(name[0])}", "begin it with a letter or a digit")
    if "/" in name or not name.isprintable() or any(c.isspace() for c in name):
        raise Unfit(f"{quoted(name)} is not a valid name for an environment", hint)
    if len(name) > _LONGEST_NAME:
        raise Unfit(f"an environment's name has {len(name)} characters", hint)
    return name


def python_name(name: str) -> str:
    """Check a name for an interpreter link."""
    if not name.strip() or not name.isprintable():
        raise Unfit(f"{quoted(name)} is not a valid name for an interpreter", "a name is printable and not blank")
    return name


def bundle_name(name: str) -> str:
    """Check a name for a list of packages."""
    if not name.strip() or not name.isprintable():
        raise Unfit(f"{quoted(name)} is not a valid name for a bundle", "a name is printable and not blank")
    return name


def without_field(text: str) -> str:
    """Check that an environment's own path has no ``{name}`` in it."""
    if NAME_FIELD in text:
        raise Unfit(f"{NAME_FIELD} is only replaced in [defaults]", "write the name itself")
    return text


def builder(text: str) -> str:
    """Check a builder, or several in order of preference: ``uv|virtualenv``."""
    names = text.split("|")
    allowed = f'write {listing([quoted(name) for name in BUILDERS])}, or a preference list such as "uv|virtualenv"'
    for name in names:
        if name not in BUILDERS:
            raise Unfit(f"{quoted(name)} is not a builder", allowed)
    if len(set(names)) < len(names):
        raise Unfit(f"{quoted(text)} names a builder twice", allowed)
    return text


def line(text: str) -> str:
    """Return one line of text that scripts and terminals may show."""
    if not text:
        raise Unfit("is empty", "leave the key out instead")
    if any(category(c) in {"Cc", "Zl", "Zp"} for c in text):  # control characters, and further ends of a line
        raise Unfit(f"contains a control character: {quoted(text)}", "write one line of plain text")
    return text


def host_pattern(text: str) -> str:
    """Check a pattern for host names."""
    if not text.strip():
        raise Unfit("is an empty host pattern", 'write a host name or a pattern such as "laptop*"')
    return text


def exposing(text: str) -> tuple[str, str]:
    """Return the command and the name of its link, of ``command`` or ``command:name``; ``*`` is all commands."""
    hint = 'write "command", or "command:name" to expose it under another name'
    command, colon, link = text.partition(":")
    for name in (command, link) if colon else (command,):
        if name in {"", ".", ".."} or "/" in name or ":" in name or not name.isprintable() or name.strip() != name:
            raise Unfit(f"{quoted(text)} does not name a command", hint)
    if colon and "*" in {command, link}:
        hint = 'write "*" by itself, and beside it "command:name" for each under another name'
        raise Unfit(f"{quoted(text)} joins `*` to a name", hint)
    return command, link or command


def event_word(text: str) -> str:
    """Check a word of ``on-event``, with its placeholders."""
    from envsync.formats.placeholders import names_in  # noqa: PLC0415 - not all manifests need it

    hint = f"use {listing([f'{{{name}}}' for name in PLACEHOLDERS])}, and {{{{ and }}}} for braces"
    try:
        unknown = next((name for name in names_in(text) if name not in PLACEHOLDERS), None)
    except ValueError:
        raise Unfit(f"{quoted(text)} has a brace without its other", hint) from None
    if unknown is not None:
        raise Unfit(f"{quoted(text)}: {{{escaped(unknown)[:_LONGEST_NAME]}}} is not a placeholder", hint)
    if "\0" in text:
        raise Unfit(f"{quoted(text)} contains a NUL", "no program can be given one")
    return text


def event_command(words: list[str]) -> list[str]:
    """Check the program of ``on-event``: it is the same from wherever it is run."""
    if words and (not words[0] or ("/" in words[0] and not words[0].startswith(("/", "~/", "{path}/")))):
        hint = "write a name on PATH, an absolute path, or one that begins with ~/ or {path}/"
        raise Unfit(f"{quoted(words[0])} is not a program", hint)
    return words


def package_name(text: str) -> str:
    """Check the name of an extra (PEP 685) or of a dependency group (PEP 735)."""
    if not _PACKAGE_NAME.fullmatch(text):
        raise Unfit(f"{quoted(text)} is not a valid name", 'letters, digits, "-", "_" and ".", such as "dev"')
    return text


@functools.lru_cache(_MOST_REQUIREMENTS)
def package(text: str) -> str:
    """Check a requirement (PEP 508)."""
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - not all manifests need it

    try:
        Requirement(text)
    except InvalidRequirement as error:
        reason = redacted(str(error).partition("\n")[0])
        hint = f'PEP 508, such as "ruff>=0.5": {reason[:200]}'
        if text.startswith((".", "/", "~", "-")):
            hint = "a directory goes into `project`, a file into `requirements`; options are keys of their own"
        elif several := _requirements_in(text):
            options = " ".join(f"--packages {shlex.quote(redacted(one))}" for one in several[:_SHOWN])
            hint = f"write each by itself: {shown(several)}; as options: {options}{' ...' * (len(several) > _SHOWN)}"
        raise Unfit(f"{quoted(text)} is not a requirement", hint) from None
    return text


def _requirements_in(text: str) -> list[str]:
    """Return the requirements that blanks or commas separate in a text; empty where it is something else."""
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - only where something is wrong

    for words in (text.split(), text.replace(",", " ").split()):
        with contextlib.suppress(InvalidRequirement):
            return [str(Requirement(word)) for word in words]
    return []


@functools.lru_cache(_MOST_REQUIREMENTS)
def specifier(text: str) -> str | None:
    """Return a PEP 440 set of version specifiers; None for the empty one, which allows every version."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - not all manifests need it

    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        raise Unfit(f"{quoted(text)} is not a set of version specifiers", 'PEP 440, such as ">=3.12,<3.13"') from None
    return text or None


def distinct(values: list[str]) -> list[str]:
    """Check that a list has no duplicates."""
    if len(set(values)) < len(values):
        twice = next(value for at, value in enumerate(values) if value in values[:at])
        raise Unfit(f"has {quoted(twice)} twice", "keep one of them")
    return values
