"""What is reported of packages, what becomes of files of the user's, what is upgraded and pruned: from values alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from envsync.model.environment import Contents, FormerLink, Generation, InterruptedStaging, Orphan
from envsync.model.packages import Call, Change, Declared, Sync, Verdict
from envsync.model.plan import Install, State
from envsync.plan.decide import decide
from envsync.plan.packages import damage_message, package_drift, reinstall_message, unmet_requirements
from envsync.plan.prune import plan_prune
from envsync.plan.unowned import brought_along, unowned_at_top
from envsync.plan.upgrade import decide_upgrade
from harness.values import MARKERS, PATH, damage, declared, found, installed, package, rules, unmet, wanted, world

OLD = MARKERS | {"python_version": "3.8", "python_full_version": "3.8.1"}


@dataclass(frozen=True)
class Case:
    """One row: a function with its arguments, and what it returns."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    expected: Any

    def run(self) -> Any:
        return self.function(*self.arguments)


def needs(*lines: str) -> tuple[Any, ...]:
    return (package("app", requires=lines), package("lib", "1.5"))


def reported(*distributions: Any, markers: dict[str, str] = MARKERS) -> tuple[Any, ...]:
    return (distributions, markers)


def drift(verdict: Verdict | None) -> list[str]:
    return [one.message for one in package_drift(world(found(), verdict=verdict))]


def brought(*unowned: str) -> tuple[str, ...]:
    return brought_along(PATH, installed(unowned=unowned))


def at_top(*unowned: str) -> tuple[str, ...]:
    return unowned_at_top(PATH, installed(unowned=unowned))


def upgraded(
    verdict: Verdict | None, only: tuple[str, ...] = (), calls: tuple[Any, ...] = (Call(("app",), "/"),)
) -> Any:
    """Return the state, the drift, what would be installed and the codes of conflicts of an upgrade."""
    declares = Declared(calls=calls)
    seen = world(
        found(), declared=declares, installed=installed(package("app"), package("lib")), verdict=Verdict(met=True)
    )
    plan = decide_upgrade(decide(wanted(), seen, rules()), verdict, only, rules())
    installs = tuple((one.message, one.spec.only) for one in plan.actions if isinstance(one, Install))
    return plan.state, tuple(one.message for one in plan.drift), installs, tuple(one.code for one in plan.conflicts)


def pruned(*, everything: bool = False, **given: tuple[Any, ...]) -> tuple[tuple[str, str, str], ...]:
    kinds = ("orphans", "generations", "interrupted", "former")
    removals = plan_prune(*(given.get(kind, ()) for kind in kinds), everything=everything)
    return tuple((one.kind, one.place, one.kept_because) for one in removals)


def prune_of(everything: bool, kind: str, one: Any) -> tuple[tuple[str, str, str], ...]:
    return pruned(everything=everything, **{kind: (one,)})


def orphan(*unowned: str, is_linked: bool = False) -> Orphan:
    return Orphan("old", "/p", "/state/old", (1, 2), 9, is_linked, unowned)


def generation(*, is_irreplaceable: bool = False, is_surplus: bool = True) -> Generation:
    return Generation("blog", "/state/.x", PATH, "2026-01-01T00:00:00", "3.12.1", 9, True, is_irreplaceable, is_surplus)


NEWER = Change("app", "1.0", "2.0")
CASES = [
    # requirements
    Case("met", unmet_requirements, reported(*needs("lib>=1")), ()),
    Case("none", unmet_requirements, reported(), ()),
    Case("too old", unmet_requirements, reported(*needs("lib>=2")), ("app 1.0 requires lib>=2, 1.5 is installed",)),
    Case("missing", unmet_requirements, reported(*needs("other")), ("app 1.0 requires other, which is not installed",)),
    Case("not for this Python", unmet_requirements, reported(*needs('other; python_version < "3.9"')), ()),
    Case(
        "for a former Python",
        unmet_requirements,
        reported(*needs('other; python_version < "3.9"'), markers=OLD),
        ('app 1.0 requires other; python_version < "3.9", which is not installed',),
    ),
    Case("not for this system", unmet_requirements, reported(*needs('other; sys_platform == "win32"')), ()),
    Case("of an extra", unmet_requirements, reported(*needs('other; extra == "test"')), ()),
    Case("no requirement at all", unmet_requirements, reported(*needs("other @@ 1")), ()),
    Case(
        "a pre-release",
        unmet_requirements,
        reported(package("app", requires=("lib>=1",)), package("lib", "2.0rc1")),
        (),
    ),
    Case("a name in capitals", unmet_requirements, reported(*needs("LIB")), ()),
    # what is not as declared
    Case("nobody was asked", drift, (None,), []),
    Case("as declared", drift, (Verdict(met=True),), []),
    Case("not installed", drift, (unmet(Change("app", None, "1.0")),), ["app is not installed"]),
    Case("another version", drift, (unmet(NEWER),), ["app 1.0 is installed; 2.0 is needed"]),
    Case(
        "to be built",
        drift,
        (unmet(Change("app", "1.0", "")),),
        ["app 1.0 is installed; what is declared has to be built"],
    ),
    Case("to go", drift, (unmet(Change("app", "1.0", None)),), ["app 1.0 is installed; it has to go"]),
    Case(
        "from elsewhere",
        drift,
        (unmet(Change("app", "1.0", "1.0")),),
        ["app 1.0 is installed from elsewhere than is declared"],
    ),
    Case("undeclared", drift, (unmet(extraneous=("old",)),), ["old is installed, and nothing declares it"]),
    Case("for a reason", drift, (unmet(reason="no index"),), ["no index"]),
    # damage
    Case("a file is gone", damage_message, (damage("app"),), "app 1.0: 1 file is gone (app.py)"),
    Case(
        "files are changed",
        damage_message,
        (damage("app", missing=(), changed=("a", "b", "c", "d")),),
        "app 1.0: 4 files are changed (a, b, c and 1 more)",
    ),
    Case(
        "one is gone and one is changed",
        damage_message,
        (damage("app", changed=("b.py",)),),
        "app 1.0: 1 file is gone, 1 is changed (app.py, b.py)",
    ),
    Case(
        "it cannot be checked",
        damage_message,
        (damage("app", missing=(), unchecked="RECORD is gone"),),
        "app 1.0: cannot be checked: RECORD is gone",
    ),
    Case("to reinstall", reinstall_message, ((damage("app"), damage("lib")),), "reinstall app 1.0, lib 1.0"),
    Case(
        "to clear away",
        reinstall_message,
        ((damage("app", missing=(), partial=("lib/~pp",)),),),
        "clear away ~pp",
    ),
    # files of the user's in a rebuild
    Case("shared data comes along", brought, ("share/x", "etc/y", "include/z.h"), ("share/x", "etc/y", "include/z.h")),
    Case("modules stay", brought, ("lib/python3.12/site-packages/mine.py",), ()),
    Case("beside the libraries", brought, ("lib/mine.so",), ("lib/mine.so",)),
    Case("programs stay", brought, ("bin/mine",), ()),
    Case("small files of other tools come along", brought, (".gitignore",), (".gitignore",)),
    Case("what is removed already stays", brought, ("share/.nfs0001",), ()),
    Case("nothing at the top", at_top, ("bin/x", "share/y", ".gitignore"), ()),
    Case("files at the top", at_top, ("notes/a", "README.rst"), ("notes/a", "README.rst")),
    # upgrades
    Case("nothing newer", upgraded, (Verdict(met=True),), (State.IN_SYNC, (), (), ())),
    Case(
        "a newer release",
        upgraded,
        (unmet(NEWER),),
        (State.DRIFT, ("app 1.0 is installed; 2.0 is available",), (("upgrade app", ()),), ()),
    ),
    Case(
        "of one package alone",
        upgraded,
        (unmet(NEWER), ("app",)),
        (State.DRIFT, ("app 1.0 is installed; 2.0 is available",), (("upgrade app", ("app",)),), ()),
    ),
    Case("of one that is not there", upgraded, (unmet(NEWER), ("no",)), (State.CONFLICT, (), (), ("upgrade-unknown",))),
    Case("nobody could say", upgraded, (unmet(reason="no index"),), (State.CONFLICT, (), (), ("upgrade-unknown",))),
    Case("a lock decides", upgraded, (None, (), (Sync("/p", "/p/uv.lock", ()),)), (State.IN_SYNC, (), (), ())),
    Case("nothing is declared", upgraded, (None, (), ()), (State.IN_SYNC, (), (), ())),
    # what may go
    Case("an orphan", prune_of, (False, "orphans", orphan()), (("environment", "/state/old", ""),)),
    Case(
        "an orphan that something leads to",
        prune_of,
        (False, "orphans", orphan(is_linked=True)),
        (("environment", "/state/old", "/p leads to it still; if nobody needs it: rm /p"),),
    ),
    Case(
        "an orphan with files of the user's",
        prune_of,
        (False, "orphans", orphan("x")),
        (("environment", "/state/old", "it holds what no package owns; look at it, and remove it by hand"),),
    ),
    Case("one generation too many", prune_of, (False, "generations", generation()), (("generation", "/state/.x", ""),)),
    Case("a generation that is kept", prune_of, (False, "generations", generation(is_surplus=False)), ()),
    Case(
        "every generation",
        prune_of,
        (True, "generations", generation(is_surplus=False)),
        (("generation", "/state/.x", ""),),
    ),
    Case(
        "a generation that nothing brings back",
        prune_of,
        (False, "generations", generation(is_irreplaceable=True)),
        (("generation", "/state/.x", "it holds what no package owns; to remove it: --all"),),
    ),
    Case(
        "that, all the same",
        prune_of,
        (True, "generations", generation(is_irreplaceable=True)),
        (("generation", "/state/.x", ""),),
    ),
    Case(
        "what was interrupted",
        prune_of,
        (False, "interrupted", InterruptedStaging("a", "/x", "/a", 1)),
        (("staging", "/x", ""),),
    ),
    Case(
        "a command",
        prune_of,
        (False, "former", FormerLink("/b/app", "/p/bin/app", (1, 2))),
        (("command", "/b/app", ""),),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_comes_of_it(case: Case) -> None:
    assert case.run() == case.expected


def test_an_upgrade_waits_until_an_environment_is_in_sync() -> None:
    seen = world(found({"version": "3.12.0"}), declared=declared(), installed=installed(package("app")))
    plan = decide_upgrade(decide(wanted(), seen, rules()), None, (), rules())
    assert [one.code for one in plan.conflicts] == ["not-in-sync"]


def test_an_upgrade_does_not_take_files_of_the_users_along() -> None:
    end = "/home/me/blog"
    seen = world(
        found({"envsync-path": end}, contents=Contents(others=("notes",))),
        end=end,
        declared=declared(),
        installed=installed(package("app"), unowned=("notes/a",)),
        verdict=Verdict(met=True),
    )
    plan = decide_upgrade(decide(wanted(path=end), seen, rules()), unmet(NEWER), (), rules())
    assert [one.code for one in plan.conflicts] == ["unowned-files"]
