"""Bases whose own start-up files print, or add directories: what works for a builder works here."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from envsync.apply.verify import mismatch_of, works
from envsync.model.blueprint import Blueprint
from envsync.model.world import Backend
from harness.place import Place
from harness.trees import make_tree
from harness.wheels import make_wheel

pytestmark = pytest.mark.sampled(3)

PythonOf = Callable[[str], str]

NOISES = {
    "a line": "print('welcome to the cluster')",
    "no newline": "import sys; sys.stdout.write('welcome')",
    "bytes": "import os; os.write(1, b'\\xff\\x00\\x1b[31m')",
    "json": "print('{}'); print('[1]')",
    "at exit": "import atexit; atexit.register(print, 'bye')",
    "another stdout": "import sys, io; sys.stdout = io.StringIO()",
    "errors": "import sys; print('deprecated', file=sys.stderr)",
}


def base(place: Place, start: str, name: str = "sitecustomize.py") -> Path:
    python = make_tree(place.root / "tree")
    (place.root / "tree/lib/python3.12" / name).write_text(f"{start}\n")
    return python


@pytest.mark.parametrize(("noise", "builder"), [*((noise, "venv") for noise in NOISES), ("a line", "virtualenv")])
def test_a_base_that_prints_makes_environments_and_the_document_is_one(place: Place, noise: str, builder: str) -> None:
    python = base(place, NOISES[noise])
    place.write(f'builder = "{builder}"\n[envs.blog]\npath = "blog"\npython = "{python}"\n')
    assert place.apply()["blog"]["outcome"] == "created"  # its whole output is JSON
    assert works(str(place.root / "blog"))


def test_a_base_that_prints_is_linked_and_built_with_again(place: Place) -> None:
    python = base(place, NOISES["no newline"])
    head = 'builder = "venv"\n[envs.blog]\npath = "blog"\n'
    place.write(f'{head}python = "{python}"\n')
    place.apply()
    (place.root / "python").symlink_to(python)
    place.write(f'{head}python = "./python"\n')
    assert place.apply()["blog"]["outcome"] == "repaired"
    assert place.apply("--force-rebuild", "blog")["blog"]["outcome"] == "rebuilt"
    assert place.apply()["blog"]["outcome"] == "unchanged"


def test_a_pth_file_of_the_environments_own_may_print_and_add_what_it_likes(place: Place, python_of: PythonOf) -> None:
    extra = place.root / "extra/site-packages"
    extra.mkdir(parents=True)
    subprocess.run([python_of("3.12"), "-m", "venv", "--without-pip", place.root / "blog"], check=True)
    site = place.root / "blog/lib/python3.12/site-packages"
    (site / "noise.pth").write_text(f"import sys; print('hello', end='')\n{extra}\n")
    assert works(str(place.root / "blog"))
    assert mismatch_of(str(place.root / "blog"), blueprint(python_of("3.12"), place)) == ""


def test_a_base_that_adds_site_packages_of_its_own_makes_environments(place: Place) -> None:
    extra = place.root / "cluster/lib/python3.12/site-packages"
    extra.mkdir(parents=True)
    python = base(place, f"import site; site.addsitedir({str(extra)!r})")
    place.write(f'builder = "venv"\n[envs.blog]\npath = "blog"\npython = "{python}"\n')
    assert place.apply()["blog"]["outcome"] == "created"
    assert place.python("blog", f"import sys; print({str(extra)!r} in sys.path)") == "True"


def blueprint(python: str, place: Place) -> Blueprint:
    version = subprocess.run(
        [python, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"],
        check=True,
        capture_output=True,
        text=True,
    )
    return Blueprint(
        name="blog",
        path=str(place.root / "blog"),
        manifest="",
        end=str(place.root / "blog"),
        identity=None,
        staging_parent=str(place.root),
        exchangeable=True,
        layered=False,
        builders=(Backend("venv"),),
        executable=python,
        minor="3.12",
        stdlib="",
        libraries=("lib/python3.12",),
        links=(("python", python),),
        common=(("version", version.stdout.strip()),),
        optional=(),
        prompt=None,
        prompt_value=None,
        system_site_packages=False,
    )


@pytest.mark.parametrize("version", ["3.7", "3.12", "3.13", "debian"])
def test_an_environment_that_sees_its_bases_packages_is_none(place: Place, python_of: PythonOf, version: str) -> None:
    subprocess.run([python_of(version), "-m", "venv", "--without-pip", place.root / "blog"], check=True)
    wanted, end = blueprint(python_of(version), place), str(place.root / "blog")
    assert mismatch_of(end, wanted) == ""
    cfg = place.root / "blog/pyvenv.cfg"
    whole = cfg.read_text()
    for text in ("", whole.replace("include-system-site-packages = false", "include-system-site-packages = true")):
        cfg.write_text(text)
        assert "not isolated" in mismatch_of(end, wanted)
        assert mismatch_of(end, replace(wanted, system_site_packages=True)) == ""
    cfg.unlink()
    assert "its prefix is" in mismatch_of(end, wanted)


def test_packages_are_installed_with_a_base_that_uv_refuses(place: Place) -> None:
    make_tree(place.root / "base")
    (place.root / "base/lib/python3.12/sitecustomize.py").write_text("print('welcome')\n")
    make_wheel(place.root / "wheels", "lib", "1.0")
    place.variables |= {"UV_FIND_LINKS": f"{place.root}/wheels", "PIP_FIND_LINKS": f"{place.root}/wheels"}
    place.variables |= {"UV_OFFLINE": "1", "PIP_NO_INDEX": "1"}
    place.write('[envs.blog]\npath = "blog"\npython = "base/bin/python3"\npackages = ["lib"]\n')
    entry = place.apply()["blog"]
    assert entry["outcome"] == "created", entry
    assert place.apply()["blog"]["outcome"] == "unchanged"
    place.write('installer = "uv"\n[envs.other]\npath = "other"\npython = "base/bin/python3"\npackages = ["lib"]\n')
    entry = place.apply()["other"]
    assert (entry["outcome"], entry["error"]["code"]) == ("failed", "install-failed"), "uv was asked for by name"
