"""What is decided for one environment, from values alone: its state, what is wrong, what is done, what is refused."""

from dataclasses import dataclass, field, replace

import pytest

from envsync.model import desired
from envsync.model.environment import Contents, InnerLink, LostEditable, Script
from envsync.model.links import EndKind
from envsync.model.packages import Change, Declared, Verdict
from envsync.model.plan import Conflict, Create, EnvironmentPlan, Install, Rebuild, Repair, State
from envsync.model.world import Backend, Hazard, World
from envsync.plan.blueprint import Rules
from envsync.plan.decide import decide, exchanges
from harness.values import (
    LIBRARY,
    LINK,
    PATH,
    Outcome,
    broken_interpreter,
    chain,
    damage,
    declared,
    directory,
    facts,
    found,
    installed,
    interpreter,
    linked,
    outcome_of,
    package,
    rules,
    side,
    unmet,
    wanted,
    world,
)


@dataclass(frozen=True)
class Case:
    """One row: what is declared and observed, and what comes of it."""

    name: str
    world: World
    expected: Outcome
    wanted: desired.Environment = field(default_factory=wanted)
    rules: Rules = field(default_factory=rules)
    between: tuple[Conflict, ...] = ()

    def run(self) -> Outcome:
        return outcome_of(decide(self.wanted, self.world, self.rules, self.between))


IN_SYNC = Outcome("in-sync")
OTHER = interpreter(facts("3.13.0", "lib/python3.13"))
"""An interpreter of another minor version."""
PACKAGES = desired.Packages(packages=("app",), declared=("packages",))
NOT_LINKED = found(pythons=(InnerLink("python", "/gone/python", works=False), *found().pythons[1:]))
FORCED = rules(force_rebuild=frozenset({"blog"}))
CREATED = ("missing",), ("create",)
NO_BUILDER = (Backend("uv", missing="uv cannot be found"),)
NO_INSTALLER = Backend("uv", missing="uv cannot be found")
MISSING = unmet(Change("app", None, "1.0"))
PAIR = found(pythons=(InnerLink("python", None, works=True, own=True), *found().pythons[1:]))
"""An environment whose ``bin/python`` is a program of the user's."""

CASES = [
    Case("sound", world(found()), IN_SYNC),
    Case("nothing is there", world(), Outcome("missing", *CREATED)),
    Case("an empty directory", world(chain=chain(), is_empty=True), Outcome("missing", *CREATED)),
    Case(
        "nothing is there, packages are declared",
        world(declared=declared()),
        Outcome("missing", *CREATED),
        wanted(packages=PACKAGES),
    ),
    Case("it waits for a directory", world(waiting_for="/mnt"), Outcome("waiting")),
    Case(
        "it waits, whatever is wrong", world(waiting_for="/mnt", interpreter=broken_interpreter()), Outcome("waiting")
    ),
    # what cannot be built or installed
    Case("no builder", world(builders=NO_BUILDER), Outcome("conflict", ("missing",), (), ("builder-missing",))),
    Case("no builder, and none is needed", world(found(), builders=NO_BUILDER), IN_SYNC),
    Case(
        "no installer",
        world(declared=declared(), installer=NO_INSTALLER),
        Outcome("conflict", ("missing",), (), ("installer-missing",)),
    ),
    Case("no installer, and none is needed", world(installer=NO_INSTALLER), Outcome("missing", *CREATED)),
    # repairs
    Case("python leads elsewhere", world(NOT_LINKED), Outcome("drift", ("python-dangling",), ("repair",))),
    Case(
        "another patch release", world(found({"version": "3.12.0"})), Outcome("drift", ("python-patch",), ("repair",))
    ),
    Case("another prompt", world(found()), Outcome("drift", ("prompt",), ("repair",)), wanted(prompt="other")),
    Case(
        "no activation script",
        world(found(activators=("activate.fish",))),
        Outcome("drift", ("scripts",), ("repair",)),
    ),
    Case(
        "bin/activate is a directory",
        world(found(activate_is="a directory")),
        Outcome("conflict", (), (), ("linked-inside",)),
    ),
    Case(
        "bin is a symlink of the user's, and a script in it has to be repaired",
        world(found(scripts=(Script("tool", "mode", ""),), contents=Contents(links=("bin",)))),
        Outcome("conflict", ("scripts",), (), ("linked-inside",)),
    ),
    Case(
        "bin is a symlink of the user's, and nothing in it has to be repaired",
        world(found({"version": "3.12.0"}, contents=Contents(links=("bin",)))),
        Outcome("drift", ("python-patch",), ("repair",)),
    ),
    Case(
        "bin/python is a program of the user's",
        world(PAIR),
        Outcome("conflict", ("python-link",), (), ("unowned-files",)),
    ),
    # rebuilds
    Case(
        "another minor version",
        world(found(), interpreter=OTHER, installed=installed()),
        Outcome("drift", ("python-minor",), ("rebuild",)),
    ),
    Case(
        "another minor version, with packages",
        world(found(), interpreter=OTHER, installed=installed(package("app"))),
        Outcome("drift", ("python-minor",), ("rebuild",)),
    ),
    Case("asked for", world(found(), installed=installed()), Outcome("drift", (), ("rebuild",)), rules=FORCED),
    Case(
        "asked for, with something to repair",
        world(NOT_LINKED, installed=installed()),
        Outcome("drift", ("python-dangling",), ("rebuild",)),
        rules=FORCED,
    ),
    Case("asked for where nothing is", world(), Outcome("missing", *CREATED), rules=FORCED),
    Case(
        "a rebuild with no builder",
        world(found(), interpreter=OTHER, installed=installed(), builders=NO_BUILDER),
        Outcome("conflict", ("python-minor",), (), ("builder-missing",)),
    ),
    Case(
        "a rebuild with no installer for what was there",
        world(found(), interpreter=OTHER, installed=installed(package("app")), installer=NO_INSTALLER),
        Outcome("conflict", ("python-minor",), (), ("installer-missing",)),
    ),
    Case(
        "a rebuild where something is mounted inside",
        world(found(), interpreter=OTHER, installed=installed(), mounts=(f"{PATH}/data",)),
        Outcome("conflict", ("python-minor",), (), ("mounted-inside",)),
    ),
    Case(
        "a rebuild that would lose a symlink",
        world(
            found(contents=Contents(links=("share/data",))),
            interpreter=OTHER,
            installed=installed(unowned=("share/data",)),
        ),
        Outcome("conflict", ("python-minor",), (), ("linked-inside",)),
    ),
    Case(
        "a rebuild that would take files of the user's along",
        world(
            found(contents=Contents(others=("notes",))), interpreter=OTHER, installed=installed(unowned=("notes/a",))
        ),
        Outcome("conflict", ("python-minor",), (), ("unowned-files",)),
    ),
    Case(
        "a rebuild where bin/python is a program of the user's",
        world(PAIR, interpreter=OTHER, installed=installed()),
        Outcome("conflict", ("python-minor",), (), ("unowned-files",)),
    ),
    # packages
    Case("what is declared is installed", world(found(), declared=declared(), verdict=Verdict(met=True)), IN_SYNC),
    Case("nobody could be asked", world(found(), declared=declared()), IN_SYNC),
    Case(
        "a package is not installed",
        world(found(), declared=declared(), verdict=MISSING, installed=installed()),
        Outcome("drift", ("packages",), ("install",)),
        wanted(packages=PACKAGES),
    ),
    Case(
        "two packages are not as declared",
        world(
            found(),
            declared=declared(),
            verdict=unmet(Change("app", "1.0", "2.0"), Change("lib", None, "1.0")),
            installed=installed(package("app")),
        ),
        Outcome("drift", ("packages", "packages"), ("install",)),
    ),
    Case(
        "a package is installed that nothing declares",
        world(found(), declared=declared(), verdict=unmet(extraneous=("old",)), installed=installed(package("old"))),
        Outcome("drift", ("packages",), ("install",)),
    ),
    Case(
        "it could not be said what is missing",
        world(found(), declared=declared(), verdict=unmet(reason="no index"), installed=installed()),
        Outcome("drift", ("packages",), ("install",)),
    ),
    Case(
        "a package is missing, and there is no installer",
        world(found(), declared=declared(), verdict=MISSING, installed=installed(), installer=NO_INSTALLER),
        Outcome("conflict", ("packages",), (), ("installer-missing",)),
    ),
    Case(
        "a package is missing, and files lie beside the environment",
        world(
            found({"envsync-path": "/home/me/blog"}, contents=Contents(others=("notes",))),
            end="/home/me/blog",
            declared=declared(),
            verdict=MISSING,
            installed=installed(unowned=("notes/a",)),
        ),
        Outcome("conflict", ("packages",), (), ("unowned-files",)),
        wanted(path="/home/me/blog"),
    ),
    Case(
        "a package is missing, and something is mounted inside",
        world(found(), declared=declared(), verdict=MISSING, installed=installed(), mounts=(f"{PATH}/data",)),
        Outcome("conflict", ("packages",), (), ("mounted-inside",)),
    ),
    Case(
        "a package is missing, and its library is a symlink",
        world(
            found(contents=Contents(links=(f"{LIBRARY}/site-packages",))),
            declared=declared(),
            verdict=MISSING,
            installed=installed(),
        ),
        Outcome("conflict", ("packages",), (), ("linked-inside",)),
    ),
    Case(
        "a file of a package is gone",
        world(found(), installed=installed(package("app"), damage=(damage("app"),))),
        Outcome("drift", ("packages",), ("install",)),
    ),
    Case(
        "a damaged package of which nobody knows what it was",
        world(found(), installed=installed(package("app"), damage=(damage("app", known=False),))),
        Outcome("conflict", ("packages",), (), ("origin-unknown",)),
    ),
    Case(
        "a damaged package with a symlink of the user's in it",
        world(found(), installed=installed(package("app"), damage=(damage("app", links=("lib/app",)),))),
        Outcome("conflict", ("packages",), (), ("linked-inside",)),
    ),
    Case(
        "a damaged package without wheel metadata",
        world(found(), installed=installed(damage=(replace(damage("app"), package=package("app", legacy=True)),))),
        IN_SYNC,
    ),
    Case(
        "something to repair and something to install",
        world(NOT_LINKED, declared=declared(), verdict=MISSING, installed=installed()),
        Outcome("drift", ("python-dangling", "packages"), ("repair", "install")),
    ),
    Case(
        "inputs that cannot be read",
        world(found(), declared=declared("req.txt:1: no requirement")),
        Outcome("conflict", (), (), ("inputs-unreadable",)),
    ),
    Case(
        "exact without a declaration that brings anything",
        world(declared=Declared()),
        Outcome("missing", *CREATED),
        wanted(packages=replace(PACKAGES, exact=True)),
    ),
    # links to it
    Case(
        "a path that is to be a symlink to its target",
        world(end="/state/blog", path=chain(kind=EndKind.MISSING), target=chain("/state/blog", EndKind.MISSING)),
        Outcome("missing", ("missing", "link-missing"), ("create", "link")),
        wanted(target="/state/blog"),
    ),
    Case(
        "the target is there, its symlink is not",
        world(found(), end="/state/blog", path=chain(kind=EndKind.MISSING), target=chain("/state/blog")),
        Outcome("drift", ("link-missing",), ("link",)),
        wanted(target="/state/blog"),
    ),
    Case(
        "both are there",
        world(found(), end="/state/blog", path=linked(PATH, "/state/blog"), target=chain("/state/blog")),
        IN_SYNC,
        wanted(target="/state/blog"),
    ),
    Case(
        "a move to the target was interrupted",
        world(found(), path=chain(), target=chain("/state/blog", EndKind.MISSING), moving_to="/state/blog"),
        Outcome("drift", ("link-missing",)),
        wanted(target="/state/blog"),
    ),
    Case(
        "an alias is missing",
        world(found(), aliases=(side("/home/me/alias", PATH),)),
        Outcome("drift", ("alias-missing",), ("link",)),
    ),
    Case(
        "an alias cannot be made yet",
        world(found(), aliases=(side("/mnt/alias", PATH, available=False),)),
        IN_SYNC,
    ),
    Case(
        "a command is not linked",
        world(found(), exposed=(side("/home/me/bin/app", f"{PATH}/bin/app"),)),
        Outcome("drift", ("expose-missing",), ("link",)),
    ),
    Case(
        "a command is linked",
        world(found(), exposed=(side("/home/me/bin/app", f"{PATH}/bin/app", leads_there=True),)),
        IN_SYNC,
    ),
    # where it may be written
    Case(
        "nothing to do where nothing may be written",
        world(found(), writable=False, blocked_by="/home/me/blog"),
        IN_SYNC,
    ),
    Case(
        "something to do where nothing may be written",
        world(NOT_LINKED, writable=False, blocked_by="/home/me/blog"),
        Outcome("conflict", ("python-dangling",), (), ("not-writable",)),
    ),
    Case(
        "a missing link where the environment may not be written",
        world(found(), writable=False, blocked_by="/home/me/blog", aliases=(side("/home/me/alias", PATH),)),
        Outcome("drift", ("alias-missing",), ("link",)),
    ),
    Case(
        "something was interrupted where nothing may be written",
        world(found(), writable=False, blocked_by="/home/me/blog", interrupted_staging=("/home/me/.envsync-1",)),
        Outcome("conflict", (), (), ("not-writable",)),
    ),
    Case(
        "anybody may write there",
        world(hazard=Hazard("/pub")),
        Outcome("conflict", ("missing",), (), ("unsafe-permissions",)),
    ),
    Case(
        "it is somebody else's",
        world(hazard=Hazard("/pub", "eve")),
        Outcome("conflict", ("missing",), (), ("foreign-owner",)),
    ),
    Case("anybody may write there, and nothing is to be done", world(found(), hazard=Hazard("/pub")), IN_SYNC),
    # conflicts stop everything
    Case(
        "no interpreter",
        world(found(), interpreter=broken_interpreter()),
        Outcome("conflict", (), (), ("interpreter-missing",)),
    ),
    Case(
        "a conflict with another environment",
        world(NOT_LINKED),
        Outcome("conflict", (), (), ("path-shared",)),
        between=(Conflict("path-shared", "two have it", "Choose."),),
    ),
    Case(
        "a conflict keeps a rebuild from being asked for",
        world(found(), interpreter=OTHER, claimed=("/other/envs.toml", "/other/.venv")),
        Outcome("conflict", (), (), ("path-shared",)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_decided(case: Case) -> None:
    assert case.run() == case.expected


def plan_of(seen: World, declares: desired.Environment | None = None, by: Rules | None = None) -> EnvironmentPlan:
    return decide(declares or wanted(), seen, by or rules())


def test_a_plan_names_the_builder_and_what_stands_in_for_it() -> None:
    (create,) = plan_of(world()).actions
    assert isinstance(create, Create)
    assert [one.name for one in create.blueprint.builders] == ["virtualenv", "venv"]
    (repair,) = plan_of(world(NOT_LINKED)).actions
    assert isinstance(repair, Repair)
    assert repair.blueprint.builders == create.blueprint.builders


def test_a_plan_names_the_installer_with_what_runs_it() -> None:
    (create,) = plan_of(world(declared=declared()), wanted(packages=PACKAGES)).actions
    assert isinstance(create, Create)
    assert create.spec is not None
    assert create.spec.installer == Backend("uv", "/opt/uv")
    assert dict(create.spec.markers)["python_version"] == "3.12"


def test_a_rebuild_brings_back_what_was_there_and_remembers_for_which_python() -> None:
    seen = world(found(), interpreter=OTHER, installed=installed(package("app", "1.2")))
    (rebuild,) = plan_of(seen).actions
    assert isinstance(rebuild, Rebuild)
    assert rebuild.spec is not None
    assert [(one.name, one.version) for one in rebuild.spec.former] == [("app", "1.2")]
    assert (rebuild.spec.former_python, rebuild.known, rebuild.keep) == ("3.12.1", ("app",), 1)
    assert rebuild.message == "rebuild for Python 3.13.0 and reinstall 1 package"


def test_a_rebuild_without_packages_installs_nothing() -> None:
    (rebuild,) = plan_of(world(found(), interpreter=OTHER, installed=installed())).actions
    assert isinstance(rebuild, Rebuild)
    assert rebuild.spec is None


def test_damage_alone_is_put_right_without_what_is_declared() -> None:
    (install,) = plan_of(world(found(), installed=installed(damage=(damage("app"),)))).actions
    assert isinstance(install, Install)
    assert (install.message, install.spec.only_damaged) == ("reinstall app 1.0", True)


def test_what_was_interrupted_is_cleared_away_though_nothing_else_is_to_be_done() -> None:
    for seen in (world(found(), interrupted_staging=("/x",)), world(found(partial_files=("bin/x~",)))):
        plan = plan_of(seen)
        assert (plan.state.value, plan.interrupted, plan.has_work) == ("in-sync", True, True)


def test_a_lost_project_is_a_fault_and_no_drift() -> None:
    plan = plan_of(world(found(lost_editables=(LostEditable("app", "/gone", None),))))
    assert plan.state.value == "in-sync"
    assert plan.faults == ("app cannot be imported: it is installed from /gone, which is missing",)
    assert set(plan.faults) <= set(plan.notes)


@pytest.mark.parametrize(
    ("seen", "note"),
    [
        (world(found(), interpreter=interpreter(notes=("a note",))), "a note"),
        (world(found(), installed=installed(broken=("x.dist-info",))), "broken package metadata: x.dist-info"),
        (
            world(found(), aliases=(side("/mnt/a", PATH, available=False),)),
            "/mnt/a is not linked: /mnt is not there",
        ),
        (
            world(found(), exposed=(side("/b/app", f"{PATH}/bin/app", available=False),)),
            "/b/app is not linked: the environment has no app",
        ),
        (
            world(found(), interpreter=OTHER, installed=installed(), exchangeable=False),
            f"{PATH} cannot be swapped as a whole; its entries are swapped one by one, not atomically",
        ),
        (
            world(found(), interpreter=OTHER, installed=installed(unowned=("share/x",))),
            "copied into the new environment, since no package has them: share/x",
        ),
        (
            world(found(), interpreter=OTHER, installed=installed(unowned=("bin/mine",))),
            "only kept, not brought back, since no package has them: bin/mine",
        ),
        (
            world(found(), shared_with="/other/envs.toml"),
            "/other/envs.toml declares this environment too: remove it from one of the two manifests",
        ),
    ],
)
def test_what_a_person_should_know_is_a_note(seen: World, note: str) -> None:
    assert note in plan_of(seen).notes


def test_another_tools_environment_is_rebuilt_only_where_it_is_named() -> None:
    theirs = world(found(), interpreter=OTHER, installed=installed(), tool="pipx")
    plan = plan_of(theirs)
    assert (plan.state, plan.actions, [one.code for one in plan.conflicts]) == (State.CONFLICT, (), ["other-tool"])
    assert "--force-rebuild blog" in plan.conflicts[0].hint
    assert plan_of(theirs, by=FORCED).actions == plan_of(replace(theirs, tool="")).actions != ()
    assert plan_of(replace(theirs, interpreter=interpreter())).state is State.IN_SYNC


EXCHANGES = [
    ("sound", world(found()), rules(), False),
    ("nothing is there", world(), rules(), False),
    ("a repair", world(NOT_LINKED), rules(), False),
    ("another minor version", world(found(), interpreter=OTHER), rules(), True),
    ("asked for", world(found()), FORCED, True),
    ("a missing package", world(found(), verdict=MISSING), rules(), True),
    ("a damaged package", world(found(), installed=installed(damage=(damage("app"),))), rules(), True),
    ("no interpreter", world(found(), interpreter=broken_interpreter()), FORCED, False),
    ("it waits", world(found(), interpreter=OTHER, waiting_for="/mnt"), rules(), False),
    ("a conflict", world(found(), interpreter=OTHER, unsafe="it is home"), rules(), False),
]


@pytest.mark.parametrize(("name", "seen", "by", "expected"), EXCHANGES)
def test_it_is_known_before_packages_are_read_whether_all_has_to_be_known(
    name: str, seen: World, by: Rules, *, expected: bool
) -> None:
    assert exchanges(wanted(), seen, by) is expected, name


@pytest.mark.parametrize(
    "seen",
    [
        world(found(), interpreter=OTHER),
        world(found(), interpreter=OTHER, installed=installed(unowned=None)),
        world(
            found(contents=Contents(others=("x",))),
            declared=declared(),
            verdict=MISSING,
            installed=installed(unowned=None),
        ),
    ],
)
def test_nothing_is_exchanged_of_which_not_all_is_known(seen: World) -> None:
    with pytest.raises(ValueError, match="has to know all"):
        plan_of(seen)


def test_an_environment_elsewhere_is_built_where_it_is() -> None:
    seen = replace(world(found()), directory=directory(NOT_LINKED, "/state/blog"))
    (repair,) = plan_of(replace(seen, path=linked(PATH, "/state/blog"))).actions
    assert isinstance(repair, Repair)
    assert (repair.blueprint.path, repair.blueprint.end, repair.links[0]) == (PATH, "/state/blog", ("bin/python", LINK))
