"""What envsync does not touch, from values alone: of one environment, and between two."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from envsync.model import desired
from envsync.model.links import Chain, EndKind, Hop
from envsync.model.plan import Conflict
from envsync.model.world import Redirect, SideLink, World
from envsync.plan.between import conflicts_between
from envsync.plan.conflicts import conflicts_of
from envsync.plan.links import taken_aliases, taken_commands
from harness.values import (
    LINK,
    PATH,
    broken_interpreter,
    chain,
    directory,
    facts,
    found,
    interpreter,
    linked,
    side,
    wanted,
    world,
)

LOOP = chain(PATH, EndKind.LOOP, is_link=True, reason="too many levels of symbolic links")
TARGET = wanted(target="/state/blog")
ALIAS = "/home/me/alias"


def long(hops: int) -> Chain:
    return Chain(LINK, tuple(Hop(f"/l{number}", f"l{number + 1}") for number in range(hops)), "/py", EndKind.FILE)


def at(path: Chain, **changes: Any) -> World:
    """Return the world where the end of a path is what it is."""
    return world(chain=path, path=path, **changes)


@dataclass(frozen=True)
class Case:
    """One row: what is declared and observed, and the codes of what stands in the way, with a part of the message."""

    name: str
    world: World
    expected: tuple[tuple[str, str], ...] = ()
    wanted: desired.Environment = field(default_factory=wanted)

    def run(self) -> tuple[tuple[str, str], ...]:
        conflicts = conflicts_of(self.wanted, self.world, 40)
        assert all(one.hint for one in conflicts)
        assert len(conflicts) == len(self.expected), conflicts
        reported = zip(conflicts, self.expected, strict=True)
        return tuple((one.code, part if part in one.message else one.message) for one, (_, part) in reported)


CASES = [
    Case("sound", world(found())),
    Case("nothing is there", world()),
    Case("an empty directory", world(chain=chain(), is_empty=True)),
    # at the path
    Case("a file", at(chain(kind=EndKind.FILE)), (("not-a-directory", f"{PATH} is a file"),)),
    Case("a socket", at(chain(kind=EndKind.SPECIAL)), (("not-a-directory", "a socket, device or FIFO"),)),
    Case(
        "a symlink to a file",
        at(linked(PATH, "/x", EndKind.FILE)),
        (("not-a-directory", f"/x, where {PATH} leads, is a file"),),
    ),
    Case("a circle of symlinks", at(LOOP), (("link-loop", "too many levels"),)),
    Case(
        "what cannot be looked at",
        at(chain(kind=EndKind.UNREADABLE, reason="permission denied")),
        (("not-readable", "permission denied"),),
    ),
    Case(
        "a redirect of another tool's",
        at(chain(kind=EndKind.FILE), redirect=Redirect(PATH, "/other", is_environment=True)),
        (("not-a-directory", "the environment is at /other"),),
    ),
    Case(
        "a redirect to nothing",
        at(chain(kind=EndKind.FILE), redirect=Redirect(PATH, "/other", is_environment=False)),
        (("not-a-directory", "/other, where there is none"),),
    ),
    Case(
        "a file with settings",
        at(chain("/home/me/.env", kind=EndKind.FILE)),
        (("not-a-directory", "/home/me/.env is a file"),),
    ),
    Case("a directory of something else", world(chain=chain()), (("not-a-venv", "no virtual environment"),)),
    Case(
        "an environment of another kind",
        world(chain=chain(), resembles="is an environment of conda's"),
        (("not-a-venv", "is an environment of conda's"),),
    ),
    Case(
        "no place for an environment",
        world(unsafe="it is the home directory"),
        (("unsafe-path", "it is the home directory"),),
    ),
    Case(
        "a sound environment where none should be",
        world(found(), unsafe="it is the home directory"),
        (("unsafe-path", "it is the home directory"),),
    ),
    Case(
        "a name that is no text",
        world(path=chain("/home/\udcff", EndKind.MISSING)),
        (("not-encodable", "bytes in it that are no text"),),
        wanted(path="/home/\udcff"),
    ),
    Case("a name that is no text, of what is there", world(found()), (), wanted(path="/home/\udcff")),
    # with a target
    Case(
        "a symlink to its target",
        world(found(), path=linked(PATH, "/state/blog"), target=chain("/state/blog")),
        (),
        TARGET,
    ),
    Case(
        "the same directory by another name",
        world(found(), path=chain(identity=(1, 2)), target=chain("/state/blog", identity=(1, 2))),
        (),
        TARGET,
    ),
    Case(
        "nothing at either",
        world(path=chain(kind=EndKind.MISSING), target=chain("/state/blog", EndKind.MISSING)),
        (),
        TARGET,
    ),
    Case(
        "a symlink elsewhere",
        world(path=linked(PATH, "/x"), target=chain("/state/blog")),
        (("link-elsewhere", "leads to /x, not to /state/blog"),),
        TARGET,
    ),
    Case(
        "a directory, and nothing at the target",
        world(found(), path=chain(), target=chain("/state/blog", EndKind.MISSING)),
        (("not-a-link", "is a directory, not a symlink"),),
        TARGET,
    ),
    Case(
        "a directory, and another at the target",
        world(found(), path=chain(), target=chain("/state/blog")),
        (("not-a-link", "is a directory, not a symlink"),),
        TARGET,
    ),
    Case(
        "on its way to the target",
        world(found(), path=chain(), target=chain("/state/blog", EndKind.MISSING), moving_to="/state/blog"),
        (),
        TARGET,
    ),
    Case(
        "a target that is a file",
        world(path=chain(kind=EndKind.MISSING), target=chain("/state/blog", EndKind.FILE)),
        (("not-a-directory", "/state/blog is a file"),),
        TARGET,
    ),
    # its interpreter
    Case(
        "no interpreter",
        world(found(), interpreter=broken_interpreter()),
        (("interpreter-missing", f"{LINK} is missing"),),
    ),
    Case(
        "its own interpreter",
        world(found(), interpreter=broken_interpreter("interpreter-cycle")),
        (("interpreter-cycle", LINK),),
    ),
    Case("within requires-python", world(found()), (), wanted(requires_python=">=3.11,<3.13")),
    Case(
        "outside of requires-python",
        world(found()),
        (("interpreter-held", "is now Python 3.12.1"),),
        wanted(requires_python="<3.12"),
    ),
    Case(
        "a pre-release within requires-python",
        world(found(), interpreter=interpreter(replace(facts("3.14.0", "lib/python3.14"), version="3.14.0rc1"))),
        (),
        wanted(requires_python=">=3.12"),
    ),
    Case("as many links as the kernel follows", world(found(), interpreter=interpreter(chain=long(38)))),
    Case(
        "one link too many",
        world(found(), interpreter=interpreter(chain=long(39))),
        (("link-loop", "would lead through 41 symlinks; the kernel follows 40"),),
    ),
    Case(
        "one link too many on the way to the target",
        world(
            path=chain(kind=EndKind.MISSING),
            target=chain("/t", EndKind.MISSING),
            end="/t",
            interpreter=interpreter(chain=long(38)),
        ),
        (("link-loop", "41 symlinks"),),
        wanted(target="/t"),
    ),
    # whose it is
    Case(
        "another manifest's",
        world(found(), claimed=("/other/envs.toml", "/other/.venv")),
        (("path-shared", "made for the manifest /other/envs.toml"),),
    ),
    Case(
        "several at once",
        world(unsafe="it is /", interpreter=broken_interpreter(), claimed=("/m", "/p")),
        (("unsafe-path", "it is /"), ("interpreter-missing", LINK), ("path-shared", "/m")),
    ),
]


TAKEN = [
    Case(
        "a command whose name is taken",
        world(found(), exposed=(side("/b/app", f"{PATH}/bin/app", chain=chain("/b/app", EndKind.FILE)),)),
        (("expose-taken", "/b/app is a file, not a symlink to"),),
    ),
    Case(
        "a Python whose name is taken",
        world(
            found(), exposed=(side("/b/py", f"{PATH}/bin/py", chain=chain("/b/py", EndKind.FILE), is_launcher=True),)
        ),
        (("expose-taken", "not a script of envsync's that runs"),),
    ),
    Case(
        "a command that leads elsewhere",
        world(found(), exposed=(side("/b/app", f"{PATH}/bin/app", chain=linked("/b/app", "/x", EndKind.FILE)),)),
        (("expose-taken", "/b/app leads to /x"),),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_stands_in_the_way_is_told(case: Case) -> None:
    assert case.run() == case.expected


def only(seen: World, declares: desired.Environment | None = None) -> Conflict:
    (conflict,) = conflicts_of(declares or wanted(), seen, 40)
    return conflict


@pytest.mark.parametrize(
    ("seen", "declares", "remedy"),
    [
        (world(chain=chain()), wanted(), (("mv", PATH, f"{PATH}.old"),)),
        (world(chain=chain(), is_mount=True), wanted(), ()),
        (at(linked(PATH, "/x", EndKind.FILE)), wanted(), (("rm", PATH),)),
        (at(chain(kind=EndKind.FILE)), wanted(), (("mv", PATH, f"{PATH}.old"),)),
        (world(path=linked(PATH, "/x"), target=chain("/state/blog")), TARGET, (("rm", PATH),)),
        (
            world(found(), path=chain(), target=chain("/state/blog", EndKind.MISSING)),
            TARGET,
            (("envsync", "move", "blog"),),
        ),
        (
            world(path=chain(), chain=chain(), is_empty=True, target=chain("/state/blog", EndKind.MISSING)),
            TARGET,
            (("mkdir", "-p", "/state"), ("mv", PATH, "/state/blog"), ("ln", "-s", "/state/blog", PATH)),
        ),
        (
            world(found(), path=chain(), target=chain("/state/blog")),
            TARGET,
            (("mv", PATH, f"{PATH}.old"), ("ln", "-s", "/state/blog", PATH)),
        ),
    ],
)
def test_its_remedy_never_removes_what_a_symlink_leads_to(
    seen: World, declares: desired.Environment, remedy: tuple[tuple[str, ...], ...]
) -> None:
    assert only(seen, declares).remedy == remedy


A, B = wanted(name="a", path="/a"), wanted(name="b", path="/b")
LOWER = str.lower


@dataclass(frozen=True)
class Pair:
    """One row: where two environments are, and which conflict each has with the other."""

    name: str
    ends: tuple[str, str]
    expected: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    first: desired.Environment = A
    second: desired.Environment = B
    ignores_case: bool = False

    def run(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        pair = (self.first, self.second)
        ends = {one.name: end for one, end in zip(pair, self.ends, strict=True)}
        places = {one.name: (one.path, *one.aliases, *(each.link for each in one.expose)) for one in pair}
        conflicts = conflicts_between(pair, ends, places, LOWER if self.ignores_case else str)
        return tuple(one.code for one in conflicts["a"]), tuple(one.code for one in conflicts["b"])


SHARED = (("path-shared",), ("path-shared",))
NESTED = (("path-nested",), ("path-nested",))
PAIRS = [
    Pair("apart", ("/a", "/b")),
    Pair("one end", ("/x", "/x"), SHARED),
    Pair("one path", ("/a", "/b"), SHARED, second=replace(B, path="/a")),
    Pair("a path that is an alias of the other", ("/a", "/b"), SHARED, second=replace(B, aliases=("/a",))),
    Pair("one alias", ("/a", "/b"), SHARED, replace(A, aliases=("/c",)), replace(B, aliases=("/c",))),
    Pair(
        "one command, which the first one gets",
        ("/a", "/b"),
        ((), ()),
        replace(A, expose=(desired.Exposed("x", "/bin/x"),)),
        replace(B, expose=(desired.Exposed("y", "/bin/x"),)),
    ),
    Pair("one within the other", ("/a", "/a/b"), NESTED, second=replace(B, path="/a/b")),
    Pair("the other way round", ("/b/a", "/b"), NESTED, first=replace(A, path="/b/a")),
    Pair("a name that begins alike", ("/a", "/ab"), second=replace(B, path="/ab")),
    Pair("a link of one within the other", ("/a", "/b"), NESTED, second=replace(B, path="/a/link")),
    Pair("an end within the other", ("/a", "/a/b"), NESTED),
    Pair("one name in another case", ("/X", "/x")),
    Pair("one name in another case, on such a disk", ("/X", "/x"), SHARED, ignores_case=True),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_two_environments_need_places_of_their_own(pair: Pair) -> None:
    assert pair.run() == pair.expected


def test_an_environment_within_itself_is_told_once() -> None:
    alone = (replace(A, path="/a/inner"),)
    conflicts = conflicts_between(alone, {"a": "/a"}, {"a": ("/a/inner",)})
    assert [(one.code, one.message) for one in conflicts["a"]] == [
        ("path-nested", "/a/inner lies inside the environment a at /a")
    ]


def test_an_end_elsewhere_is_judged_where_it_is() -> None:
    seen = replace(world(), path=linked(PATH, "/x"), directory=directory(None, "/x", chain=chain("/x")))
    assert only(seen).code == "not-a-venv"


def test_a_file_of_settings_is_not_to_be_moved_away() -> None:
    (conflict,) = conflicts_of(wanted(), at(chain("/home/me/.env", kind=EndKind.FILE)), 40)
    assert "such as .venv" in conflict.hint
    assert conflict.remedy == ()
    (conflict,) = conflicts_of(wanted(), at(chain(kind=EndKind.FILE)), 40)
    assert conflict.remedy


@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case.name)
def test_a_taken_command_is_left_out_and_its_environment_is_not(case: Case) -> None:
    assert conflicts_of(case.wanted, case.world, 40) == ()
    (taken,) = taken_commands("blog", case.world)
    ((code, message),) = case.expected
    assert taken.code == code
    assert message in taken.message


LINK = "/home/me/.local/bin/ruff"
COMMAND = f"{PATH}/bin/ruff"
RENAMED = 'expose it under another name: "ruff:ruff-blog"'


@pytest.mark.parametrize(
    ("aliases", "exposed", "expected"),
    [
        ((side(ALIAS, PATH),), (side(LINK, COMMAND),), None),
        ((side(ALIAS, PATH, chain=linked(ALIAS, PATH), leads_there=True),), (), None),
        ((side(ALIAS, PATH, chain=linked(ALIAS, "/x")),), (), ("link-elsewhere", "leads to /x", f"rm {ALIAS}")),
        ((side(ALIAS, PATH, chain=chain(ALIAS)),), (), ("not-a-link", "is a directory", f"mv {ALIAS} {ALIAS}.old")),
        ((side(ALIAS, PATH, chain=replace(LOOP, start=ALIAS, end=ALIAS)),), (), ("link-loop", ALIAS, "Look at")),
        (
            (side(ALIAS, PATH, chain=chain(ALIAS, EndKind.FILE), redirect=Redirect(ALIAS, "/x", is_environment=True)),),
            (),
            ("not-a-link", "a redirect file", "that tool"),
        ),
        ((), (side(LINK, COMMAND, chain=linked(LINK, "/x")),), ("expose-taken", "leads to /x", RENAMED)),
        ((), (side(LINK, COMMAND, chain=chain(LINK, EndKind.FILE)),), ("expose-taken", "is a file", RENAMED)),
        ((), (side(LINK, COMMAND, held_by="b"),), ("expose-taken", "is exposed by b already", RENAMED[1:])),
    ],
)
def test_a_link_whose_place_is_taken_is_left_out(
    aliases: tuple[SideLink, ...], exposed: tuple[SideLink, ...], expected: tuple[str, str, str] | None
) -> None:
    seen = world(found(), aliases=aliases, exposed=exposed)
    taken = [*taken_aliases(seen), *taken_commands("blog", seen)]
    assert len(taken) == (expected is not None)
    for one, (code, message, hint) in zip(taken, [expected] if expected else [], strict=True):
        assert (one.code, message in one.message, hint in one.hint) == (code, True, True), one
