"""Write docs/reference.md from the code: ``python tests/harness/reference.py > docs/reference.md``."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from envsync.cli.arguments import COMMANDS, EVERYWHERE
from envsync.cli.grammar import Argument, Command
from envsync.manifest import manifest_schema
from envsync.manifest.wording import listing

__all__ = ["reference"]

_HEAD = """\
# Reference

Made from the code by `tests/harness/reference.py`; a test holds that it is what the code says. Codes and exit statuses:
[codes.md](codes.md).

## The manifest

Keys are kebab-case; an unknown one is an error. `~` and `${VAR}` are expanded in paths. `envsync schema` prints all of
this for editors.
"""
_COUNTS = {"*": "[{}...]", "+": "{}...", "?": "[{}]"}


def reference() -> str:
    """Return the text of the page."""
    schema = manifest_schema()
    environment = schema["definitions"]["EnvironmentTable"]["properties"]
    own = [f"`{key}`" for key in environment if key not in schema["definitions"]["DefaultsTable"]["properties"]]
    top = {key: value for key, value in schema["properties"].items() if key not in {"envs", "defaults"}}
    parts = [_HEAD, *_table(top), "", "### `[envs.NAME]`", ""]
    parts += [f"`[defaults]` takes any of these except {listing(own, 'and')}.", "", *_table(environment), ""]
    parts += ["## Commands", "", "All commands take:", "", *_options(EVERYWHERE), ""]
    for command in COMMANDS:
        parts += [*_command(command), ""]
    return "\n".join(parts)


def _table(properties: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield from ("| key | what it says |", "|---|---|")
    for key, value in properties.items():
        default = value.get("default")
        shown = str(default).lower() if isinstance(default, bool) else default
        more = f"; default: `{shown}`" if shown not in (None, [], {}) else ""
        text = f"{value.get('description', '')}{more}".replace("|", "\\|")
        yield f"| `{key}` | {text} |"


def _command(command: Command) -> Iterator[str]:
    positions = " ".join(_position(one) for one in command.arguments if not one.names[0].startswith("-"))
    yield f"### `envsync {f'{command.name} {positions}'.strip()}`"
    yield ""
    yield f"{command.help[0].upper()}{command.help[1:]}."
    options = [one for one in command.arguments if one.names[0].startswith("-")]
    yield from ["", *_options(options)] if options else []


def _position(argument: Argument) -> str:
    settings = argument.settings
    name = settings.get("metavar") or "|".join(settings.get("choices", ()))
    return _COUNTS.get(str(settings.get("nargs")), "{}").format(name)


def _options(arguments: Iterable[Argument]) -> Iterator[str]:
    for argument in arguments:
        settings = argument.settings
        value = settings.get("metavar") or "|".join(settings.get("choices", ()))
        yield f"- `{', '.join(argument.names)}{f' {value}' if value else ''}`: {settings['help']}"


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201  # what it is for
