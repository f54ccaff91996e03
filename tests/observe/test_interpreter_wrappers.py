"""Programs that run another Python, whatever they are made of: what they run is used, and asked for in each pass."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from envsync.formats import pyvenv_cfg
from envsync.model.interpreter import Interpreter
from envsync.observe.facts import FactsCache
from envsync.observe.interpreters import Interpreters
from envsync.observe.links import walk
from harness.place import Place
from harness.trees import compiled, forwarding, make_tree

pytestmark = pytest.mark.sampled(3)

pytest_plugins = ["harness.relocatable"]

PythonOf = Callable[[str], str]


def declare(place: Place, python: str | Path) -> None:
    place.write(f'[envs.blog]\npath = "blog"\npython = "{python}"\n')


def prefix(place: Place) -> str:
    return place.python("blog", "import sys; print(sys.prefix)")


def link_of(place: Place) -> str:
    return os.readlink(place.root / "blog/bin/python")


def found(link: str | Path) -> Interpreter:
    result = Interpreters({}, FactsCache(None).ask).at(str(link))
    assert isinstance(result, Interpreter), result
    return result


def assert_works(place: Place, python: str) -> None:
    assert link_of(place) == python
    assert prefix(place) == str(place.root / "blog")
    assert place.apply()["blog"]["outcome"] == "unchanged"


def test_an_environment_for_a_compiled_wrapper_is_made_for_what_it_runs(place: Place, python_of: PythonOf) -> None:
    wrapper = forwarding(place.root / "store/bin/python3", python_of("3.12"))
    declare(place, wrapper)
    notes = place.envsync("plan", "--json").environments["blog"]["notes"]
    assert any(str(wrapper) in note and python_of("3.12") in note for note in notes)
    assert place.apply()["blog"]["outcome"] == "created"
    assert_works(place, python_of("3.12"))


def test_an_environment_that_works_still_does_when_a_compiled_wrapper_is_declared(
    place: Place, python_of: PythonOf
) -> None:
    wrapper = forwarding(place.root / "store/bin/python3", python_of("3.12"))
    subprocess.run([wrapper, "-m", "venv", "--without-pip", place.root / "blog"], check=True)
    declare(place, wrapper)
    place.apply()
    assert_works(place, python_of("3.12"))


@pytest.mark.parametrize("name", ["python3", "python"])
def test_a_link_to_one_program_for_all_commands_works_by_its_own_name_only(
    place: Place, python_of: PythonOf, name: str
) -> None:
    body = f"""
        const char *name = strrchr(v[0], '/'); name = name ? name + 1 : v[0];
        if (strcmp(name, "{name}")) {{ fprintf(stderr, "%s is not a valid shim\\n", name); return 1; }}
        v[0] = "{python_of("3.12")}"; return execv(v[0], v);
    """
    shim = place.root / "shims" / name
    shim.parent.mkdir()
    shim.symlink_to(compiled(place.root / "bin/manager", body))
    declare(place, shim)
    assert place.apply()["blog"]["outcome"] == "created"
    assert_works(place, python_of("3.12"))


def test_a_wrapper_of_a_wrapper_and_one_of_an_environment_lead_on(place: Place, python_of: PythonOf) -> None:
    subprocess.run([python_of("3.12"), "-m", "venv", "--without-pip", place.root / "inner"], check=True)
    one = forwarding(place.root / "one", place.root / "inner/bin/python")
    script = place.root / "two"
    script.write_text(f'#!/bin/sh\nexec "{one}" "$@"\n')
    script.chmod(0o755)
    result = found(forwarding(place.root / "three", script))
    assert os.path.dirname(result.link) == os.path.dirname(python_of("3.12"))
    assert result.asked


def test_a_wrapper_that_passes_its_name_on_is_kept_as_the_link(place: Place, python_of: PythonOf) -> None:
    wrapper = forwarding(place.root / "store/bin/python3", python_of("3.12"), keeps_name=True)
    declare(place, wrapper)
    assert place.apply()["blog"]["outcome"] == "created"
    assert_works(place, str(wrapper))


@pytest.mark.parametrize("keeps_name", [True, False])
def test_what_a_wrapper_runs_is_asked_in_each_pass(place: Place, python_of: PythonOf, *, keeps_name: bool) -> None:
    chosen = place.root / "chosen"
    name = "" if keeps_name else "v[0] = path;"
    body = f"""
        static char path[4096]; ssize_t n = readlink("{chosen}", path, 4095); if (n < 0) return 1;
        {name} return execv(path, v);
    """
    chosen.symlink_to(python_of("3.12"))
    declare(place, compiled(place.root / "python", body))
    place.apply()
    for _ in range(2):
        assert place.envsync("check").status == 0
    chosen.unlink()
    chosen.symlink_to(python_of("3.13"))
    run = place.envsync("check", "--json")
    assert run.status == 3
    assert [one["code"] for one in run.environments["blog"]["drift"]] == ["python-minor"]


def test_a_script_that_passes_its_name_on_leads_to_what_it_runs(place: Place, python_of: PythonOf) -> None:
    bash = shutil.which("bash")
    if bash is None or not os.path.exists("/proc/self/exe"):
        pytest.skip("needs bash, and a kernel that tells which program runs")
    script = place.root / "python"
    script.write_text(f'#!{bash}\nexec -a "$0" "{python_of("3.12")}" "$@"\n')
    script.chmod(0o755)
    declare(place, script)
    assert place.apply()["blog"]["outcome"] == "created"
    assert_works(place, os.path.realpath(python_of("3.12")))


def test_a_wrapper_whose_interpreter_is_gone_is_named_in_the_conflict(place: Place, python_of: PythonOf) -> None:
    python = place.root / "python"
    python.symlink_to(python_of("3.12"))
    script = place.root / "script"
    script.write_text(f'#!/bin/sh\n"{python}" "$@"; status=$?; rm -f "{python}"; exit $status\n')
    script.chmod(0o755)
    declare(place, script)
    conflict = place.envsync("plan", "--json").environments["blog"]["conflict"]
    assert conflict["code"] == "interpreter-missing"
    assert f"{script} runs {python}, and nothing is at {python}" in conflict["message"]


def test_a_program_that_is_no_python_at_all_is_refused(place: Place) -> None:
    declare(place, compiled(place.root / "python", 'puts("hello"); return 0;'))
    conflict = place.envsync("plan", "--json").environments["blog"]["conflict"]
    assert (conflict["code"], "did not answer as Python does" in conflict["message"]) == ("interpreter-missing", True)


@pytest.mark.parametrize("version", ["3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "debian"])
def test_a_python_is_never_taken_for_a_wrapper(place: Place, python_of: PythonOf, version: str) -> None:
    odd = f"{os.path.dirname(python_of(version))}/../{os.path.basename(os.path.dirname(python_of(version)))}//python3"
    links = [python_of(version), odd] + [str(place.root / name) for name in ("python", "some name")]
    for link in links[2:]:
        os.symlink(python_of(version), link)
    for link in links:
        result = found(link)
        assert (result.link, result.asked, result.through) == (link, False, ())


def test_relocatable_builds_are_not_taken_for_wrappers(place: Place, relocatable: tuple[Path, Path]) -> None:
    bare = place.root / "python"
    bare.symlink_to(relocatable[0] / "bin/python3.12")
    for link in (bare, relocatable[0] / "bin/python3"):
        assert (found(link).link, found(link).asked) == (str(link), False)


def test_a_pypy_is_not_taken_for_a_wrapper() -> None:
    pypy = shutil.which("pypy3")
    if pypy is None:
        pytest.skip("needs PyPy")
    result = found(pypy)
    assert (result.link, result.asked, result.facts.implementation) == (pypy, False, "pypy")
    assert walk(pypy).end == result.facts.executable


@pytest.mark.parametrize("copied", [True, False])
def test_a_bare_link_beside_another_pythons_library_gives_environments_the_library_of_its_own(
    place: Place, copied: bool
) -> None:
    """As /usr/local/bin/python3.12 beside /usr/lib/python3.12; a tree of links to one library is that library."""
    tree, other = place.root / "tree", place.root / "other"
    real = make_tree(tree).resolve()
    make_tree(other)
    if copied:
        module = other / "lib/python3.12/os.py"
        content = module.read_bytes()
        module.unlink()
        module.write_bytes(content)
    bare = other / "bin/python3.12"
    bare.unlink()
    bare.symlink_to(real)
    place.write(f'[envs.one]\npath = "one"\npython = "{bare}"\n')
    assert place.apply()["one"]["outcome"] == "created"
    home = dict(pyvenv_cfg.parse((place.root / "one/pyvenv.cfg").read_text()))["home"]
    assert home == str(real.parent if copied else bare.parent)
    assert os.readlink(place.root / "one/bin/python") == str(bare)
    library = subprocess.check_output([place.root / "one/bin/python", "-c", "import os; print(os.__file__)"], text=True)
    assert library.strip() == str((tree if copied else other) / "lib/python3.12/os.py")
    assert place.envsync("check").status == 0
