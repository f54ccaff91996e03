"""Plain values for what decides: a sound environment in sync, of which each case changes what it is about.

Nothing here looks at the machine, and nothing has to be there.
"""

from dataclasses import dataclass, replace
from typing import Any

from envsync.model import desired
from envsync.model.blueprint import Blueprint
from envsync.model.environment import Contents, Environment, InnerLink
from envsync.model.interpreter import Facts, Interpreter, InterpreterProblem
from envsync.model.links import Chain, EndKind, Hop
from envsync.model.packages import Call, Change, Damage, Declared, Distribution, InstalledPackages, Origin, Verdict
from envsync.model.plan import EnvironmentPlan
from envsync.model.world import Backend, Directory, SideLink, World
from envsync.plan.blueprint import Rules, blueprint_of

PATH = "/home/me/blog/.venv"
LINK = "/opt/py/bin/python3"
LIBRARY = "lib/python3.12"


@dataclass(frozen=True)
class Outcome:
    """What a plan comes to, in the words of which a table can be made."""

    state: str
    drift: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


def outcome_of(plan: EnvironmentPlan) -> Outcome:
    """Return the codes and kinds of a plan."""
    return Outcome(
        plan.state.value,
        tuple(one.code for one in plan.drift),
        tuple(one.kind for one in plan.actions),
        tuple(one.code for one in plan.conflicts),
    )


def facts(version: str = "3.12.1", library: str = LIBRARY, **changes: Any) -> Facts:
    """Return what a CPython says of itself."""
    minor = ".".join(version.split(".")[:2])
    found = Facts(
        version=version,
        implementation="cpython",
        abi=f"cpython-{minor.replace('.', '')}-x86_64-linux-gnu",
        base_prefix="/opt/py",
        base_exec_prefix="/opt/py",
        executable="/opt/py/bin/python3.12",
        stdlib=f"/opt/py/{library}",
        purelib=f"{library}/site-packages",
        platlib=f"{library}/site-packages",
        platlibdir="lib",
        version_info=f"{version}.final.0",
        platform="linux-x86_64",
    )
    return replace(found, **changes)


def interpreter(of: Facts | None = None, **changes: Any) -> Interpreter:
    """Return an interpreter link that works."""
    hops = (Hop(LINK, "python3.12"),)
    chain = Chain(LINK, hops, "/opt/py/bin/python3.12", EndKind.FILE, is_link=True)
    return replace(Interpreter("three", LINK, "/opt/py/bin", chain, of or facts()), **changes)


def broken_interpreter(code: str = "interpreter-missing") -> InterpreterProblem:
    """Return an interpreter link that does not work."""
    return InterpreterProblem("three", LINK, code, f"{LINK} is missing", "Name another one.")


def chain(path: str = PATH, kind: EndKind = EndKind.DIRECTORY, **changes: Any) -> Chain:
    """Return the way to a path without any symlink on it."""
    return replace(Chain(path, (), path, kind), **changes)


def linked(path: str, end: str, kind: EndKind = EndKind.DIRECTORY) -> Chain:
    """Return the way from a symlink to its end."""
    return Chain(path, (Hop(path, end),), end, kind, is_link=True)


def found(cfg: dict[str, str | None] | None = None, **changes: Any) -> Environment:
    """Return an environment as envsync makes it; ``cfg`` changes keys of ``pyvenv.cfg``, ``None`` takes one out."""
    settings: dict[str, str | None] = {
        "home": "/opt/py/bin",
        "include-system-site-packages": "false",
        "version": "3.12.1",
        "prompt": "'blog'",
        "envsync-path": PATH,
        **(cfg or {}),
    }
    sound = Environment(
        cfg=tuple((key, value) for key, value in settings.items() if value is not None),
        pythons=(
            InnerLink("python", LINK, works=True),
            InnerLink("python3", "python", works=True),
            InnerLink("python3.12", "python", works=True),
        ),
        libraries=(LIBRARY,),
        lib64=None,
        scripts=(),
        has_bin=True,
        activators=("activate", "activate.fish"),
        contents=Contents(),
    )
    return replace(sound, **changes)


def directory(environment: Environment | None, end: str = PATH, **changes: Any) -> Directory:
    """Return what stands at an end: an environment, or where there is none, nothing at all."""
    kind = EndKind.MISSING if environment is None else EndKind.DIRECTORY
    there = Directory(
        chain=chain(end, kind),
        environment=environment,
        identity=None if environment is None else (1, 2),
        is_empty=False,
        writable=True,
        staging_parent=end.rpartition("/")[0],
    )
    return replace(there, **changes)


def world(environment: Environment | None = None, **changes: Any) -> World:
    """Return all that bears on an environment at ``PATH``; ``end`` and the fields of a directory go there."""
    own = {key: changes.pop(key) for key in [*changes] if key in Directory.__slots__ and key not in World.__slots__}
    there = directory(environment, changes.pop("end", PATH), **own)
    seen = World(
        path=there.chain,
        target=None,
        directory=there,
        interpreter=interpreter(),
        builders=(Backend("virtualenv"), Backend("venv")),
        installer=Backend("uv", "/opt/uv"),
        markers=tuple(MARKERS.items()),
    )
    return replace(seen, **changes)


MARKERS = {
    "implementation_name": "cpython",
    "implementation_version": "3.12.1",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "6",
    "platform_system": "Linux",
    "platform_version": "1",
    "python_full_version": "3.12.1",
    "python_version": "3.12",
    "sys_platform": "linux",
}


def wanted(**changes: Any) -> desired.Environment:
    """Return what a manifest declares."""
    return replace(desired.Environment("blog", PATH), **changes)


def rules(**changes: Any) -> Rules:
    """Return the rules of a pass."""
    return replace(Rules(max_hops=40, keep=1, generations_dir="/state", manifest="/m/envs.toml"), **changes)


def blueprint(environment: Environment | None = None, to: Interpreter | None = None, **declares: Any) -> Blueprint:
    """Return how an environment is to be built."""
    return blueprint_of(wanted(**declares), world(environment), to or interpreter(), rules())


def side(link: str, end: str, **changes: Any) -> SideLink:
    """Return a further link that is not there yet."""
    return replace(SideLink(link, end, chain(link, EndKind.MISSING), leads_there=False), **changes)


def package(name: str, version: str = "1.0", *, url: str = "", editable: bool = False, **changes: Any) -> Distribution:
    """Return an installed distribution, from an index where it has no ``url``."""
    origin = Origin(url, editable=editable) if url else None
    return replace(Distribution(name, version, origin=origin), **changes)


def installed(*packages: Distribution, unowned: tuple[str, ...] | None = (), **changes: Any) -> InstalledPackages:
    """Return what is installed, with the files that no package owns."""
    return replace(InstalledPackages(packages, unowned=unowned), **changes)


def damage(name: str, **changes: Any) -> Damage:
    """Return a package of which a file is gone."""
    metadata = f"{LIBRARY}/site-packages/{name}-1.0.dist-info"
    return replace(Damage(package(name), metadata, missing=(f"{name}.py",)), **changes)


def unmet(*changes: Change, **fields: Any) -> Verdict:
    """Return the verdict of an installer that would change something."""
    return Verdict(met=False, changes=changes, **fields)


def declared(*problems: str, **changes: Any) -> Declared:
    """Return package keys that name one requirement."""
    return replace(Declared(calls=(Call(("app",), "/"),), problems=problems), **changes)
