"""How an environment differs from what it should be, and the repair that removes that; or why it has to be rebuilt."""

from dataclasses import dataclass

import pytest

from envsync.model import desired
from envsync.model.environment import Contents, Environment, InnerLink, Script
from envsync.model.interpreter import Interpreter
from envsync.model.plan import Repair
from envsync.plan.drift import compare
from envsync.plan.layout import reasons_to_rebuild
from harness.values import LIBRARY, LINK, PATH, blueprint, facts, found, interpreter, wanted

PYTHON, PYTHON3, PYTHON312 = found().pythons
LIB64 = interpreter(facts(platlibdir="lib64"))


def pythons(*changed: InnerLink, without: str = "") -> tuple[InnerLink, ...]:
    names = {one.name: one for one in (PYTHON, PYTHON3, PYTHON312, *changed)}
    return tuple(one for name, one in names.items() if name != without)


@dataclass(frozen=True)
class Case:
    """One row: an environment, the drift with its code and the beginning of its message, and fields of the repair."""

    name: str
    found: Environment
    drift: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    regenerate: tuple[str, ...] = ()
    wanted: desired.Environment = wanted()  # noqa: RUF009  # a frozen value
    interpreter: Interpreter = interpreter()  # noqa: RUF009

    def run(self) -> bool:
        drift, repair = compare(self.wanted, self.found, self.interpreter, blueprint(self.found, self.interpreter))
        assert [one.code for one in drift] == [code for code, _ in self.drift]
        assert all(one.message.startswith(reported) for one, (_, reported) in zip(drift, self.drift, strict=True)), (
            drift
        )
        assert (repair is None) == (not drift)
        if repair is not None:
            assert (repair.links, repair.settings) == (self.links, self.settings)
            assert (repair.regenerate, repair.scripts) == (self.regenerate, self.found.scripts)
        return True

    expected = True


ALL = ("activate", "activate.fish")
CASES = [
    Case("sound", found()),
    Case("without a version", found({"version": None, "version_info": "3.12.1"})),
    Case("as virtualenv writes the version", found({"version": None, "version_info": "3.12.1.final.0"})),
    Case("true in capitals", found({"include-system-site-packages": "False"})),
    Case("a key that nobody wants", found({"relocatable": "true"})),
    Case("base-executable names the real file", found({"base-executable": "/opt/py/bin/python3.12"})),
    # links
    Case(
        "python is gone",
        found(pythons=pythons(without="python")),
        (("python-dangling", "bin/python is gone"),),
        (("bin/python", LINK),),
    ),
    Case(
        "python3 is gone",
        found(pythons=pythons(without="python3")),
        (("python-link", "bin/python3 is gone"),),
        (("bin/python3", "python"),),
    ),
    Case(
        "python is a copy",
        found(pythons=pythons(InnerLink("python", None, works=True))),
        # what leads to it no longer leads to the interpreter link, but its text is what it should be
        (("python-link", "bin/python is a copy, not a symlink"),),
        (("bin/python", LINK),),
    ),
    Case(
        "python leads elsewhere",
        found(pythons=pythons(InnerLink("python", "/usr/bin/python3", works=True))),
        (("python-link", f"bin/python leads to /usr/bin/python3, not to {LINK}"),),
        (("bin/python", LINK),),
    ),
    Case(
        "python leads nowhere",
        found(pythons=pythons(InnerLink("python", "/gone/python", works=False))),
        (("python-dangling", "bin/python leads to /gone/python"),),
        (("bin/python", LINK),),
    ),
    Case("python3 names the link itself", found(pythons=pythons(InnerLink("python3", LINK, works=True)))),
    Case("python3 by way of python3.12", found(pythons=pythons(InnerLink("python3", "python3.12", works=True)))),
    Case("python3 with a dot before it", found(pythons=pythons(InnerLink("python3", "./python", works=True)))),
    Case(
        "python beside the link, and the same file",
        found(pythons=pythons(InnerLink("python", "/opt/py/bin/python", works=True, end="/opt/py/bin/python3.12"))),
    ),
    Case(
        "python beside the link, and another file",
        found(pythons=pythons(InnerLink("python", "/opt/py/bin/python", works=True, end="/opt/py/bin/python3.11"))),
        (("python-link", "bin/python leads to /opt/py/bin/python"),),
        (("bin/python", LINK),),
    ),
    Case(
        "links that lead in a circle",
        found(
            pythons=pythons(
                InnerLink("python3", "python3.12", works=False), InnerLink("python3.12", "python3", works=False)
            )
        ),
        (("python-dangling", "bin/python3 leads to python3.12"), ("python-dangling", "bin/python3.12 leads to")),
        (("bin/python3", "python"), ("bin/python3.12", "python")),
    ),
    Case(
        "further names follow the interpreter",
        found(pythons=pythons(without="python"), contents=Contents(aliases=("py",))),
        (("python-dangling", "bin/python is gone"),),
        (("bin/python", LINK), ("bin/py", "python")),
    ),
    Case(
        "further names stay where only another link is gone",
        found(pythons=pythons(without="python3"), contents=Contents(aliases=("py",))),
        (("python-link", "bin/python3 is gone"),),
        (("bin/python3", "python"),),
    ),
    Case("lib64 is gone", found(), (("layout", "lib64 is gone"),), (("lib64", "lib"),), interpreter=LIB64),
    Case("lib64 is there", found(lib64=InnerLink("lib64", "lib", works=True)), interpreter=LIB64),
    Case("lib64 is a directory", found(lib64=InnerLink("lib64", None, works=True)), interpreter=LIB64),
    Case("lib64 is a link of the user's", found(lib64=InnerLink("lib64", "/data/own", works=True)), interpreter=LIB64),
    Case(
        "lib64 leads to a former place",
        found(lib64=InnerLink("lib64", "/old/lib", works=False)),
        (("layout", "lib64 leads to /old/lib, not to lib"),),
        (("lib64", "lib"),),
    ),
    # settings
    Case(
        "another home",
        found({"home": "/old/bin"}),
        (("python-home", "home is /old/bin, not /opt/py/bin"),),
        settings=(("home", "/opt/py/bin"),),
    ),
    Case(
        "no home",
        found({"home": None}),
        (("python-home", "pyvenv.cfg has no home, which should be /opt/py/bin"),),
        settings=(("home", "/opt/py/bin"),),
    ),
    Case(
        "other packages of the system's",
        found(),
        (("system-site-packages", "include-system-site-packages is false, not true"),),
        settings=(("include-system-site-packages", "true"),),
        wanted=wanted(system_site_packages=True),
    ),
    Case(
        "another prompt",
        found(),
        (("prompt", "prompt is 'blog', not"),),
        settings=(("prompt", "other"),),
        regenerate=ALL,
        wanted=wanted(prompt="other"),
    ),
    Case("the prompt that is declared", found(), wanted=wanted(prompt="blog")),
    Case(
        "a prompt, and its scripts incomplete",
        found(activators=("activate.fish",)),
        (("prompt", "prompt is"), ("scripts", "bin/activate is gone")),
        settings=(("prompt", "other"),),
        regenerate=ALL,
        wanted=wanted(prompt="other"),
    ),
    Case(
        "another patch release",
        found({"version": "3.12.0"}),
        (("python-patch", "pyvenv.cfg is for Python 3.12.0, the link is now 3.12.1"),),
        settings=(("version", "3.12.1"),),
    ),
    Case(
        "no version at all",
        found({"version": None}),
        (("python-patch", "pyvenv.cfg is behind the interpreter in version"),),
        settings=(("version", "3.12.1"),),
    ),
    Case(
        "another executable",
        found({"executable": "/old/python"}),
        (("python-patch", "pyvenv.cfg is behind the interpreter in executable"),),
        settings=(("executable", "/opt/py/bin/python3.12"),),
    ),
    Case(
        "the path it was built for",
        found({"envsync-path": "/old/.venv"}),
        (("moved", f"envsync-path is /old/.venv, not {PATH}"),),
        settings=(("envsync-path", PATH),),
    ),
    # marks of its own follow where something else is repaired, and are no difference by themselves
    Case("another name of the manifest's", found({"envsync-name": "old"})),
    Case(
        "another name, and something to repair",
        found({"envsync-name": "old", "home": "/old/bin"}),
        (("python-home", "home is"),),
        settings=(("home", "/opt/py/bin"), ("envsync-name", "blog")),
    ),
    # scripts
    Case(
        "no activation script",
        found(activators=("activate.fish",)),
        (("scripts", "bin/activate is gone"),),
        regenerate=("activate",),
    ),
    Case(
        "moved",
        found(scripts=(Script("activate", "activate", "/old/.venv"),)),
        (("moved", f"the activation scripts name /old/.venv, not {PATH}"),),
    ),
    Case(
        "moved, with the command that made it",
        found({"command": "/x/python -m venv /old/.venv"}, scripts=(Script("activate", "activate", "/old/.venv"),)),
        (("moved", "the activation scripts name"),),
        settings=(("command", f"/x/python -m venv {PATH}"),),
    ),
    Case(
        "moved, with a prompt after its directory",
        found({"prompt": "'site'"}, scripts=(Script("activate", "activate", "/home/me/site/.venv"),)),
        (("moved", "the activation scripts name"),),
        settings=(("prompt", "blog"),),
        regenerate=ALL,
    ),
    Case(
        "a script that runs with another Python",
        found(scripts=(Script("app", "shebang", "/old/python"),)),
        (("scripts", f"app in bin runs with /old/python, not with {PATH}/bin/python"),),
    ),
    Case(
        "a script that cannot be executed",
        found(scripts=(Script("app", "mode", ""),)),
        (("scripts", "app in bin cannot be executed"),),
    ),
    Case(
        "a script that may run parts of a name",
        found(scripts=(Script("activate.csh", "activate", "", harmful=True),)),
        (("scripts", "bin/activate.csh may run parts of a name as commands"),),
    ),
    Case(
        "a script that names nothing readable",
        found(scripts=(Script("activate.nu", "activate", ""),)),
        (("scripts", "bin/activate.nu is missing, or does not name"),),
    ),
    Case(
        "many scripts are named shortly",
        found(scripts=tuple(Script(f"s{number}", "mode", "") for number in range(5))),
        (("scripts", "s0, s1, s2 and 2 more in bin"),),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_difference_comes_with_what_removes_it(case: Case) -> None:
    assert case.run()


def test_a_repair_is_called_after_what_it_changes() -> None:
    broken = found(
        {"home": "/old"}, pythons=pythons(without="python"), activators=(), scripts=(Script("a", "mode", ""),)
    )
    _, repair = compare(wanted(), broken, interpreter(), blueprint(broken))
    assert isinstance(repair, Repair)
    assert repair.message == "repair bin/a, bin/activate, bin/python, pyvenv.cfg"
    assert repair.prompt_before == "blog"


OTHER_LIBRARY = ("lib/python3.11",)


@dataclass(frozen=True)
class Reason:
    """One row: an environment, an interpreter, and the codes and messages for which it has to be rebuilt."""

    name: str
    found: Environment
    expected: tuple[tuple[str, str], ...] = ()
    interpreter: Interpreter = interpreter()  # noqa: RUF009

    def run(self) -> tuple[tuple[str, str], ...]:
        return tuple((one.code, one.message) for one in reasons_to_rebuild(self.found, self.interpreter.facts))


def of(version: str, library: str, **changes: object) -> Interpreter:
    return interpreter(facts(version, library, **changes))


def built_for(version: str, *libraries: str, **cfg: str) -> Environment:
    return found(
        {"version": version, **{key.replace("_", "-"): value for key, value in cfg.items()}}, libraries=libraries
    )


def minor(then: str, now: str) -> tuple[tuple[str, str], ...]:
    return (("python-minor", f"built for {then}, the link is now {now}"),)


def built(then: str, now: str) -> tuple[str, str]:
    return ("python-implementation", f"built for {then}, the link is now {now}")


REASONS = [
    Reason("sound", found()),
    Reason("another minor version", built_for("3.11.2", *OTHER_LIBRARY), minor("3.11", "3.12")),
    Reason("no version, but a library", found({"version": None}, libraries=OTHER_LIBRARY), minor("3.11", "3.12")),
    Reason("no version, and its library", found({"version": None})),
    Reason(
        "free-threaded before",
        built_for("3.13.1", "lib/python3.13t"),
        minor("3.13t", "3.13"),
        of("3.13.1", "lib/python3.13"),
    ),
    Reason(
        "free-threaded now",
        built_for("3.13.1", "lib/python3.13"),
        minor("3.13", "3.13t"),
        of("3.13.1", "lib/python3.13t"),
    ),
    Reason("both at once", built_for("3.12.1", LIBRARY), minor("3.12", "3.13t"), of("3.13.1", "lib/python3.13t")),
    Reason(
        "another implementation",
        built_for("3.10.1", "lib/pypy3.10", implementation="PyPy"),
        (built("pypy", "cpython"), *minor("pypy3.10", "3.10")),
        of("3.10.1", "lib/python3.10"),
    ),
    Reason("another ABI", found({"envsync-abi": "cpython-312d"}), (built("cpython-312d", facts().abi),)),
    Reason("another platform", found({"envsync-platform": "linux-aarch64"}), (built("linux-aarch64", "linux-x86_64"),)),
    Reason("the same platform", found({"envsync-platform": "linux-x86_64"})),
    Reason(
        "a platform that is not known now",
        found({"envsync-platform": "linux-x86_64"}),
        (),
        of("3.12.1", LIBRARY, platform=""),
    ),
    Reason("its library is gone", found(libraries=()), (("layout", f"{LIBRARY}/site-packages is gone"),)),
    Reason("bin is gone", found(has_bin=False), (("layout", "bin is gone, and the commands in it"),)),
    Reason(
        "packages that its Python does not see",
        found(libraries=(LIBRARY, "lib/python3.11"), contents=Contents(populated=("lib/python3.11",))),
        (("python-minor", "Python 3.12 does not see the packages in lib/python3.11"),),
    ),
    Reason(
        "packages in its own library, elsewhere",
        found(libraries=(LIBRARY, "lib64/python3.12"), contents=Contents(populated=("lib64/python3.12",))),
        (("layout", "Python 3.12 does not see the packages in lib64/python3.12"),),
    ),
]


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.name)
def test_the_reason_for_a_rebuild_names_what_differs(reason: Reason) -> None:
    assert reason.run() == reason.expected
