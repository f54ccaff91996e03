"""Where interpreters are looked for: what their tools call them, and which names of one directory count."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from envsync.observe.discover import named
from harness.place import Place
from harness.trees import make_tree

pytestmark = pytest.mark.sampled(3)

PythonOf = Callable[[str], str]


@pytest.mark.parametrize(
    ("name", "implementation", "version", "traits"),
    [
        ("3.12", "cpython", (3, 12), "stable"),
        ("3.12.1", "cpython", (3, 12, 1), ""),
        ("3.14-dev", "cpython", (3, 14), "stable early"),
        ("3.13t-dev", "cpython", (3, 13), "stable early threads"),
        ("3.13.9t", "cpython", (3, 13, 9), "threads"),
        ("3.14.0rc1t", "cpython", (3, 14, 0), "early threads"),
        ("python@3.12", "cpython", (3, 12), "stable"),
        ("python3.13t", "cpython", (3, 13), "stable threads"),
        ("cpython-3.12.4-macos-aarch64-none", "cpython", (3, 12, 4), ""),
        ("cpython-3.13+freethreaded-linux-x86_64-gnu", "cpython", (3, 13), "stable threads"),
        ("pypy3.10", "pypy", (3, 10), "stable"),
        ("pypy3.10-7.3.17", "pypy", (3, 10), ""),
        ("pypy3.10-7.3.17-src", "pypy", (3, 10), ""),
        ("pypy3.10-v7.3.17", "pypy", (3, 10), ""),
        ("pypy-3.10.14-linux-x86_64-gnu", "pypy", (3, 10, 14), ""),
        ("pypy-7.3.1", "pypy", (), ""),
        ("graalpy-24.1.1", "graalpy", (), ""),
        ("graalpy-community-24.1.1", "graalpy", (), ""),
        ("graalpy3.12-25.1.3", "graalpy", (3, 12), ""),
        ("graalpy3.12-community-25.1.3", "graalpy", (3, 12), ""),
        ("graalpy-3.10.0-linux-x86_64-gnu", "graalpy", (3, 10, 0), ""),
    ],
)
def test_the_names_that_tools_give_are_understood(
    name: str, implementation: str, version: tuple[int, ...], traits: str
) -> None:
    found = named(name, "/place")
    assert found is not None
    marks = {"stable": found.stable, "early": not found.final, "threads": found.free_threaded}
    assert (found.implementation, found.version) == (implementation, version)
    assert {mark for mark, holds in marks.items() if holds} == {*traits.split()}


@pytest.mark.parametrize(
    "name",
    [
        *("miniconda3-3.11-24.1.2-0", "miniconda3-latest", "anaconda3-2024.06-1", "nogil-3.9.10", "stackless-3.7.5"),
        *("3.13.0-debug", "python3.12-config", "python3.12d", "pypy3.10-c", "python3.12.real", "my-3.12", "3.12-mine"),
    ],
)
def test_other_names_are_nobodys(name: str) -> None:
    assert named(name, "/place") is None


def link_of(place: Place, python: str | None, **variables: str) -> str:
    line = "" if python is None else f'python = "{python}"\n'
    place.write(f'[envs.blog]\npath = "blog"\n{line}')
    entry = place.envsync("plan", "--json", **variables).environments["blog"]
    assert entry["conflict"] is None, entry["conflict"]
    return str(entry["python"]["link"])


def tree_link(root: Path, name: str, python: str) -> None:
    root.mkdir(parents=True, exist_ok=True)
    (root / name).symlink_to(python if "/" not in python else os.path.dirname(os.path.dirname(python)))


@pytest.mark.parametrize("name", ["pypy3.9-7.3.11", "pypy3.9-v7.3.11-src"])
def test_a_pypy_of_pyenvs_is_found_the_newest_release_first(place: Place, name: str) -> None:
    pypy = "/usr/bin/pypy3"
    if not os.path.exists(pypy):
        pytest.skip("needs PyPy")
    minor = subprocess.run(
        [pypy, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True, check=True
    ).stdout.strip()
    versions = place.root / "pyenv/versions"
    for one in (name.replace("3.9", minor), f"pypy{minor}-7.3.9"):
        (versions / one / "bin").mkdir(parents=True)
        (versions / one / "bin/python").symlink_to(os.path.realpath(pypy))
    place.variables |= {"PYENV_ROOT": str(versions.parent), "PATH": "/nowhere"}
    (versions / f"pypy{minor}-7.3.9/bin/pypy{minor}").symlink_to("python")
    found = link_of(place, f"pypy{minor}")
    assert found == f"{versions}/{name.replace('3.9', minor)}/bin/python" or found.startswith("/usr/bin/")


def test_a_graalpy_named_after_its_own_release_is_asked_for_its_version(place: Place, python_of: PythonOf) -> None:
    # The tree only is called so; what it is, the interpreter in it tells: no GraalPy.
    tree_link(place.root / "pyenv/versions", "graalpy-24.1.1", python_of("3.11"))
    place.variables |= {"PYENV_ROOT": str(place.root / "pyenv"), "PATH": "/nowhere"}
    place.write('[envs.blog]\npath = "blog"\npython = "graalpy3.11"\n')
    conflict = place.envsync("plan", "--json").environments["blog"]["conflict"]
    assert "graalpy-24.1.1" in conflict["message"]


def mise(place: Place, python_of: PythonOf, *names: str) -> Path:
    root = place.root / "mise/installs/python"
    patch = os.path.basename(os.path.dirname(os.path.dirname(python_of("3.12"))))
    tree_link(root, patch, python_of("3.12"))
    for name in names:
        tree_link(root, name, patch)
    place.variables |= {"MISE_DATA_DIR": str(place.root / "mise"), "PATH": "/nowhere"}
    return root


@pytest.mark.parametrize(
    ("names", "request_", "expected"),
    [
        (("3", "3.12", "latest"), "3.12", "3.12"),
        (("3", "3.12", "latest"), "3", "3.12"),
        (("3", "latest"), ">=3.12", "3"),
        (("latest",), "3", "latest"),
        (("3", "latest"), "3.12", None),
        (("3", "latest"), "==3.12.*", None),
    ],
)
def test_links_of_mise_without_a_minor_version_are_better_than_a_patch_path_only_where_any_minor_will_do(
    place: Place, python_of: PythonOf, names: tuple[str, ...], request_: str, expected: str | None
) -> None:
    root = mise(place, python_of, *names)
    patch = os.path.basename(os.path.dirname(os.path.dirname(python_of("3.12"))))
    if request_ in {">=3.12", "3"}:
        request_ = f"{request_ if request_ != '3' else '>=3'},!=3.13.*"  # this machine's own may be newer
    assert link_of(place, request_) == f"{root}/{expected or patch}/bin/python"


@pytest.mark.parametrize("name", ["3", "latest"])
def test_one_of_unknown_version_is_found_by_asking_it(place: Place, python_of: PythonOf, name: str) -> None:
    root = place.root / "mise/installs/python"
    tree_link(root, name, python_of("3.10"))
    (place.root / "tree").symlink_to(os.path.dirname(os.path.dirname(python_of("3.10"))))
    place.variables |= {"MISE_DATA_DIR": str(place.root / "mise"), "PATH": "/nowhere"}
    assert link_of(place, "3.10") == f"{root}/{name}/bin/python"


@pytest.fixture
def usr(place: Place) -> Path:
    """Return a system with a ``bin`` that two other names lead to."""
    make_tree(place.root / "usr")
    (place.root / "usr/sbin").symlink_to("bin")
    (place.root / "bin").symlink_to("usr/bin")
    return place.root


@pytest.mark.parametrize(
    "path",
    [
        "@/usr/sbin:@/usr/bin",
        "@/bin:@/usr/bin",
        "@/usr/bin:@/bin:@/usr/sbin",
        "@/usr/bin/",
        "@//usr/./bin//",
        "@/usr/sbin/../bin",
        "@/usr/bin:@/usr/bin",
        "usr/bin::.:@/usr/bin",
    ],
)
def test_a_directory_counts_by_one_name_whatever_path_calls_it(place: Place, usr: Path, path: str) -> None:
    assert link_of(place, "==3.12.*", PATH=path.replace("@", str(usr))) == f"{usr}/usr/bin/python3.12"


def test_a_name_of_ones_own_for_a_directory_stays(place: Place, usr: Path) -> None:
    (usr / "current").symlink_to("usr")
    assert link_of(place, "==3.12.*", PATH=f"{usr}/current/bin") == f"{usr}/current/bin/python3.12"


def conda(place: Place, directory: str, *marks: str) -> str:
    python = make_tree(place.root / directory)
    for mark in marks:
        (python.parent.parent / mark).mkdir()
    return str(python.parent)


def test_an_activated_environment_of_condas_is_never_chosen(place: Place, python_of: PythonOf) -> None:
    activated = conda(place, "conda/envs/ml", "conda-meta")
    plain = place.root / "plain"
    plain.mkdir()
    (plain / "python3.12").symlink_to(os.path.realpath(python_of("3.12")))
    assert link_of(place, "3.12", PATH=f"{activated}:{plain}") == f"{plain}/python3.12"
    bare = conda(place, "conda/envs/bare")
    assert link_of(place, "3.12", PATH=f"{bare}:{plain}", CONDA_PREFIX=os.path.dirname(bare)) == f"{plain}/python3.12"
    place.write('[envs.blog]\npath = "blog"\npython = "3.12"\n')
    assert place.envsync("plan", "--json", PATH=activated).environments["blog"]["conflict"] is not None


def test_condas_own_installation_is_the_last_resort(place: Place, python_of: PythonOf) -> None:
    base = conda(place, "conda", "conda-meta", "condabin")
    plain = place.root / "plain"
    plain.mkdir()
    (plain / "python3.10").symlink_to(os.path.realpath(python_of("3.10")))
    variables = {"PATH": f"{base}:{plain}", "CONDA_PREFIX": os.path.dirname(base)}
    assert link_of(place, ">=3.10,!=3.11.*,!=3.13.*", **variables) == f"{plain}/python3.10"
    assert link_of(place, "3.12", **variables) == f"{base}/python3.12"


def test_links_without_a_minor_version_are_offered_by_no_name(place: Place, python_of: PythonOf) -> None:
    root = mise(place, python_of, "3", "3.12", "latest")
    place.manifest.unlink(missing_ok=True)
    assert place.envsync("init", "--file", str(place.manifest)).status == 0
    lines = [line for line in place.manifest.read_text().splitlines() if str(root) in line]
    assert lines == [f'"3.12" = "{root}/3.12/bin/python"']
    reported = place.envsync("doctor", "--verbose").out
    assert f"{root}/3.12/bin/python" in reported
    assert f"{root}/latest/" not in reported
