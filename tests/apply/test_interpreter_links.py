"""Interpreter links on real interpreters: what ``bin/python`` and ``home`` become for each kind of declaration."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.place import Place

pytestmark = pytest.mark.sampled(8)

pytest_plugins = ["harness.relocatable"]

PythonOf = Callable[[str], str]
VERSION = "print('%d.%d.%d' % sys.version_info[:3])"


def env(name: str, python: str | Path) -> str:
    return f'[envs.{name}]\npath = "{name}"\npython = "{python}"\n'


def output(python: str | Path, code: str) -> str:
    done = subprocess.run([python, "-I", "-c", f"import sys, os; {code}"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def home_of(directory: Path) -> str:
    lines = (directory / "pyvenv.cfg").read_text().splitlines()
    return next(line.partition("=")[2].strip() for line in lines if line.startswith("home"))


def assert_made(place: Place, name: str, link: str | Path, home: str | Path) -> None:
    """Assert that an environment goes through ``link``, has ``home``, and runs as itself."""
    directory = place.root / name
    assert os.readlink(directory / "bin" / "python") == str(link)
    assert home_of(directory) == str(home)
    assert place.python(name, "import sys; print(sys.prefix)") == str(directory)
    assert place.python(name, f"import sys; {VERSION}") == output(link, VERSION)


def make_link(link: Path, text: str | Path) -> Path:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(text)
    return link


def venv(python: str | Path, directory: Path, *options: str) -> Path:
    subprocess.run([python, "-m", "venv", "--without-pip", *options, directory], check=True)
    return directory / "bin" / "python"


@pytest.mark.parametrize("version", ["3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "debian"])
def test_a_path_is_the_text_of_bin_python(place: Place, python_of: PythonOf, version: str) -> None:
    link = python_of(version)
    place.write(env("blog", link))
    entry = place.apply()["blog"]
    assert (entry["outcome"], entry["python"]["link"]) == ("created", link)
    assert_made(place, "blog", link, os.path.dirname(link))
    minor = ".".join(entry["python"]["version"].split(".")[:2])
    for name in ("python3", f"python{minor}"):
        assert os.readlink(place.root / "blog" / "bin" / name) == "python"
    assert (
        place.python(
            "blog", "import sys; print(any(p.startswith(sys.base_prefix + '/lib/python3/dist') for p in sys.path))"
        )
        == "False"
    )
    assert place.apply()["blog"]["outcome"] == "unchanged"


def test_a_path_through_linked_directories_stays_as_written(place: Place, python_of: PythonOf) -> None:
    tree = os.path.dirname(os.path.dirname(python_of("3.12")))
    make_link(place.root / "versions" / "3.12", tree)
    current = make_link(place.root / "current", "versions/3.12")
    place.write(env("blog", "current/bin/python"))
    place.apply()
    assert_made(place, "blog", current / "bin" / "python", current / "bin")


def test_a_bare_link_to_a_normal_build_keeps_the_links_directory_as_home(place: Place, python_of: PythonOf) -> None:
    link = make_link(place.root / "tools" / "py", os.path.realpath(python_of("3.13")))
    place.write(env("blog", link))
    place.apply()
    assert_made(place, "blog", link, link.parent)
    assert place.apply()["blog"]["outcome"] == "unchanged"


def test_venv_is_dead_through_a_bare_link_to_a_relocatable_build(
    tmp_path: Path, relocatable: tuple[Path, Path]
) -> None:
    link = make_link(tmp_path / "tools" / "python3.12", relocatable[0] / "bin" / "python3.12")
    dead = venv(link, tmp_path / "dead")
    done = subprocess.run([dead, "-I", "-c", "pass"], check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "encodings" in done.stderr


@pytest.mark.parametrize("builder", ["virtualenv", "venv", "uv"])
def test_a_bare_link_to_a_relocatable_build_works(place: Place, relocatable: tuple[Path, Path], builder: str) -> None:
    links = {name: place.root / "tools" / text for name, text in (("blog", "python3.12"), ("shop", "py"))}
    for link in links.values():
        make_link(link, relocatable[0] / "bin" / "python3.12")
    place.write(f'builder = "{builder}"\n' + "".join(env(name, link) for name, link in links.items()))
    made = place.apply()
    for name, link in links.items():
        assert (made[name]["outcome"], made[name]["error"]) == ("created", None)
        assert_made(place, name, link, relocatable[0] / "bin")
        assert place.python(name, "import sys; print(sys.base_prefix)") == str(relocatable[0])
    assert {entry["outcome"] for entry in place.apply().values()} == {"unchanged"}


def test_a_bare_link_through_further_links_to_a_relocatable_build_works(
    place: Place, relocatable: tuple[Path, Path]
) -> None:
    inner = make_link(place.root / "a" / "python3", relocatable[0] / "bin" / "python3")
    link = make_link(place.root / "b" / "python", f"../a/{inner.name}")
    place.write(env("blog", link))
    place.apply()
    assert_made(place, "blog", link, relocatable[0] / "bin")


def test_the_flip_of_a_bare_link_to_another_relocatable_build_is_followed(
    place: Place, relocatable: tuple[Path, Path]
) -> None:
    one, two = relocatable
    link = make_link(place.root / "tools" / "python3.12", one / "bin" / "python3.12")
    place.write(env("blog", link))
    place.apply()
    link.unlink()
    link.symlink_to(two / "bin" / "python3.12")
    assert place.envsync("check").status == 3
    assert place.apply()["blog"]["outcome"] == "repaired"
    assert_made(place, "blog", link, two / "bin")
    assert place.python("blog", "import os, sys; print(sys.base_prefix, os.__file__)").split() == [
        str(two),
        str(two / "lib" / "python3.12" / "os.py"),
    ]
    assert place.envsync("check").status == 0


def test_a_link_into_an_environment_leads_on_to_the_link_that_it_uses(place: Place, python_of: PythonOf) -> None:
    tools = make_link(place.root / "tools" / "python", python_of("3.12"))
    inner = venv(tools, place.root / "first")
    assert os.readlink(inner) == str(tools)
    place.write(env("blog", inner))
    run = place.envsync("plan", "--json")
    assert any("environment" in note for note in run.environments["blog"]["notes"])
    place.apply()
    assert_made(place, "blog", tools, tools.parent)


def test_a_link_into_a_chain_of_two_environments_leads_to_the_base_of_the_last(
    place: Place, python_of: PythonOf
) -> None:
    tools = make_link(place.root / "tools" / "python", python_of("3.12"))
    first = venv(tools, place.root / "first")
    second = make_link(place.root / "second" / "bin" / "python", first)
    (place.root / "second" / "pyvenv.cfg").write_text(f"home = {first.parent}\n")
    outside = make_link(place.root / "outside", second)
    place.write(env("blog", second) + env("shop", outside))
    place.apply()
    assert_made(place, "blog", tools, tools.parent)
    assert_made(place, "shop", tools, tools.parent)


def test_a_link_into_an_environment_of_copies_leads_to_its_home(place: Place, python_of: PythonOf) -> None:
    tools = make_link(place.root / "tools" / "python", python_of("3.12"))
    copy = venv(tools, place.root / "copies", "--copies")
    assert not copy.is_symlink()
    place.write(env("blog", copy))
    place.apply()
    assert_made(place, "blog", tools, tools.parent)


@pytest.mark.parametrize("order", [("base", "user"), ("user", "base")])
def test_another_environment_of_the_manifest_may_be_the_interpreter_in_one_apply(
    place: Place, python_of: PythonOf, order: tuple[str, str]
) -> None:
    tools = make_link(place.root / "tools" / "python", python_of("3.12"))
    tables = {"base": env("base", tools), "user": env("user", "base/bin/python")}
    place.write("".join(tables[name] for name in order))
    made = place.apply()
    assert [made[name]["outcome"] for name in order] == ["created", "created"]
    for name in order:
        assert_made(place, name, tools, tools.parent)
    assert {entry["outcome"] for entry in place.apply().values()} == {"unchanged"}


def test_another_environment_is_followed_when_it_gets_another_interpreter(place: Place, python_of: PythonOf) -> None:
    for version in ("3.12", "3.13"):
        place.write(env("base", python_of(version)) + env("user", "base/bin/python"))
        place.apply()
    assert_made(place, "base", python_of("3.13"), os.path.dirname(python_of("3.13")))
    assert_made(place, "user", python_of("3.13"), os.path.dirname(python_of("3.13")))


@pytest.mark.parametrize("python", ["blog/bin/python", "alias/bin/python", "blog/bin/python3", "./outside"])
def test_an_environments_own_python_is_a_conflict(place: Place, python_of: PythonOf, python: str) -> None:
    place.write(env("blog", python_of("3.12")))
    place.apply()
    make_link(place.root / "alias", "blog")
    make_link(place.root / "outside", "blog/bin/python")
    place.write(env("blog", python))
    run = place.envsync("apply", "--json")
    conflict = run.environments["blog"]["conflict"]
    assert run.status == 1
    assert conflict["code"] == "interpreter-cycle"
    assert "own interpreter" in conflict["message"]
    assert conflict["hint"]
    assert os.readlink(place.root / "blog" / "bin" / "python") == python_of("3.12")


def test_an_environment_that_would_be_its_own_python_is_not_made(place: Place) -> None:
    place.write(env("blog", "blog/bin/python"))
    run = place.envsync("apply", "--json")
    assert run.status == 1
    assert run.environments["blog"]["conflict"]["code"] == "interpreter-cycle"
    assert sorted(os.listdir(place.root)) == ["envs.toml"]


def test_two_environments_that_name_each_other_are_a_conflict_and_not_made(place: Place, python_of: PythonOf) -> None:
    place.write(env("blog", "shop/bin/python") + env("shop", "blog/bin/python") + env("good", python_of("3.12")))
    run = place.envsync("apply", "--json")
    assert run.status == 1
    for name in ("blog", "shop"):
        conflict = run.environments[name]["conflict"]
        assert conflict["code"] == "interpreter-cycle"
        assert str(place.root / "blog") in conflict["message"]
        assert str(place.root / "shop") in conflict["message"]
        assert not (place.root / name).exists()
    assert run.environments["good"]["outcome"] == "created"


@pytest.mark.parametrize("shell", ["#!/bin/sh", "#!/usr/bin/env bash"])
def test_a_shims_interpreter_is_used_and_the_plan_says_so(place: Place, python_of: PythonOf, shell: str) -> None:
    shim = place.root / "shims" / "python3.12"
    shim.parent.mkdir()
    shim.write_text(f'{shell}\nexec "{python_of("3.12")}" "$@"\n')
    shim.chmod(0o755)
    place.write(env("blog", shim))
    assert "is a script" in place.envsync("plan").out
    assert place.apply()["blog"]["outcome"] == "created"
    text = os.readlink(place.root / "blog" / "bin" / "python")
    assert os.path.realpath(text) == os.path.realpath(python_of("3.12"))
    assert_made(place, "blog", text, os.path.dirname(python_of("3.12")))
    assert place.apply()["blog"]["outcome"] == "unchanged"


def test_a_shim_that_runs_an_environments_python_leads_to_the_base(place: Place, python_of: PythonOf) -> None:
    inner = venv(python_of("3.12"), place.root / "first")
    shim = place.root / "shim"
    shim.write_text(f'#!/bin/sh\nexec "{inner}" "$@"\n')
    shim.chmod(0o755)
    place.write(env("blog", shim))
    place.apply()
    text = os.readlink(place.root / "blog" / "bin" / "python")
    assert not text.startswith(str(place.root))
    assert_made(place, "blog", text, os.path.dirname(python_of("3.12")))
