"""What each shell offers at a place on the command line: all that the table of commands has, and nothing else."""

import pytest

from envsync.cli.arguments import COMMANDS, EVERYWHERE
from envsync.cli.grammar import Argument
from harness.place import Place
from harness.shells import SHELLS, offered

pytestmark = pytest.mark.sampled(4)

ENVIRONMENTS = '[envs.blog]\npath = "blog"\n[envs.api]\npath = "api"\n'


@pytest.fixture(params=[shell for shell in SHELLS if shell != "tcsh"])
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def long_options(arguments: tuple[Argument, ...]) -> set[str]:
    return {name for one in (*arguments, *EVERYWHERE) for name in one.names if name.startswith("--")} | {"--help"}


def test_every_command_is_offered_first(place: Place, shell: str) -> None:
    expected = {command.name for command in COMMANDS}
    assert offered(place, shell, ["envsync ", "envsync --json ", "envsync --file x "]) == [expected] * 3


def test_every_option_of_a_command_is_offered(place: Place, shell: str) -> None:
    found = offered(place, shell, [f"envsync {command.name} --" for command in COMMANDS])
    reported = {command.name: words for command, words in zip(COMMANDS, found, strict=True)}
    assert reported == {command.name: long_options(command.arguments) for command in COMMANDS}


def test_environments_choices_and_files_are_offered_where_they_belong(place: Place, shell: str) -> None:
    place.write(ENVIRONMENTS)
    (place.root / "more.toml").write_text('version = 1\n[envs.other]\npath = "x"\n')
    expected: dict[str, set[str]] = {
        "envsync apply ": {"blog", "api"},
        "envsync apply b": {"blog"},
        "envsync apply -- ": {"blog", "api"},
        "envsync --json apply --jobs 2 x ": {"blog", "api"},
        "envsync apply --force-rebuild ": {"blog", "api"},
        "envsync apply --file more.toml ": {"other"},
        "envsync --file more.toml apply ": {"other"},
        "envsync apply --file gone.toml ": set(),
        "envsync rollback ": {"blog", "api"},
        "envsync rollback blog ": set(),
        "envsync add ": set(),
        "envsync apply --jobs ": set(),
        "envsync apply --color ": {"auto", "always", "never"},
        "envsync service ": {"install", "uninstall", "show", "status"},
        "envsync rm ": {"blog", "api"},
        "envsync ls b": {"blog"},
        "envsync --json sync --jobs 2 a": {"api"},
        "envsync diff --exit": {"--exit-code"},
        "envsync l": set(),
        "envsync help expl": {"explain"},
        "envsync completion ": {"bash", "zsh", "fish", "tcsh", "powershell"},
    }
    # Where nothing else fits, zsh offers options.
    asked = offered(place, shell, expected)
    found = [
        words - {one for one in words if one[0] == "-" and "--e" not in line}
        for line, words in zip(expected, asked, strict=True)
    ]
    assert dict(zip(expected, found, strict=True)) == expected
