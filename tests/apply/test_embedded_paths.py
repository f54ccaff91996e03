"""Nothing is swapped in that names where it was built, whatever a builder or installer writes; what did is found."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import virtualenv
from uv import find_uv_bin
from virtualenv.activation.fish import FishActivator

from envsync.apply import builders
from envsync.model.world import Backend
from envsync.observe import backends
from harness.bench import Bench, build, contents, files, listing, run
from harness.depot import Depot
from harness.place import Place

pytestmark = pytest.mark.sampled(3)

UNKNOWN = "set-directory <<{place}>>\n"
"""Of a shell that nobody knows."""
REAL_BUILD = builders.build_bare


@pytest.fixture
def bench(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("XDG_CACHE_HOME", str(bench.place.root.parent / "cache"))
    return bench


def staging_of(place: Place) -> list[Path]:
    return [path for path in place.root.rglob(".envsync-*") if not path.is_file()]


def naming_staging(path: Path) -> list[Path]:
    found = (one for one in path.rglob("*") if one.is_file() and not one.is_symlink() and one.name != "pyvenv.cfg")
    return [one for one in found if b".envsync-" in one.read_bytes()]


def planted_uv(bench: Bench, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a uv first on PATH that runs the real one, and then a script."""
    directory = bench.place.root.parent / "planted"
    directory.mkdir()
    (directory / "uv").write_text(f'#!/bin/sh\n"{find_uv_bin()}" "$@" || exit\nfor place; do :; done\n{script}\n')
    (directory / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    monkeypatch.setitem(backends._PROGRAMS, "uv", lambda: f"{directory}/uv")


def test_a_builder_that_writes_an_unknown_dialect_gives_way_to_another(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted_uv(bench, monkeypatch, 'mkdir -p "$place/etc"; echo "set-directory <<$place>>" > "$place/etc/hook.new"')
    tables = [f'[envs.{name}]\npath = "{name}"\npython = "{bench.python}"\n' for name in ("one", "two")]
    bench.place.write('builder = "uv"\n' + "".join(tables))
    entries = run(bench.place, bench.capsys, "apply")["environments"]
    assert [entry["outcome"] for entry in entries] == ["created", "created"]
    assert all("built by virtualenv: uv is unfit, since etc/hook.new names" in str(one["notes"]) for one in entries)
    for name in ("one", "two"):
        assert naming_staging(bench.place.root / name) == []
        assert bench.place.python(name, "import sys; print(sys.prefix)") == str(bench.place.root / name)
    assert run(bench.place, bench.capsys, "check")["status"] == "in-sync"


@pytest.mark.parametrize("kind", ["text", "link", "setting"])
def test_where_every_builder_names_the_place_nothing_is_swapped_in(
    kind: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planted(builder: Backend, blueprint: Any, place: str, app_data: str) -> None:
        REAL_BUILD(builder, blueprint, place, app_data)
        match kind:
            case "text":
                Path(place, "hook.new").write_text(UNKNOWN.format(place=place))
            case "link":
                Path(place, "bin/hook").symlink_to(f"{place}/bin/python")
            case _:
                with Path(place, "pyvenv.cfg").open("a") as settings:
                    settings.write(f"new-key = {place}\n")

    monkeypatch.setattr(builders, "build_bare", planted)
    bench.declare()
    entry = bench.apply()
    assert (entry["outcome"], entry["error"]["code"]) == ("failed", "builder-unfit")
    assert (bench.path.exists(), staging_of(bench.place)) == (False, [])
    monkeypatch.setattr(builders, "build_bare", REAL_BUILD)
    assert bench.apply()["outcome"] == "created"


def test_another_dialect_of_virtualenvs_is_followed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    known = FishActivator.instantiate_template

    def another(self: FishActivator, values: Any, template: str, creator: Any) -> str:
        return known(self, values, template, creator).replace("set -gx VIRTUAL_ENV '", "dir:set '")

    monkeypatch.setattr(FishActivator, "instantiate_template", another)
    for directory in ("plain", "a b/ü$x/own"):
        bench.directory = directory.replace("$", "")
        bench.declare()
        assert bench.apply()["outcome"] == "created"
        assert f"dir:set '{bench.path}'" in (bench.path / "bin/activate.fish").read_text()
        assert naming_staging(bench.path) == []
        assert bench.apply()["outcome"] == "unchanged"
    bench.move("moved")
    assert bench.apply()["outcome"] == "repaired"
    assert f"dir:set '{bench.path}'" in (bench.path / "bin/activate.fish").read_text()
    assert bench.apply()["outcome"] == "unchanged"


def test_quotes_that_depend_on_the_path_are_asked_for_each_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def counted(text: str) -> str:
        return f"'{text}' # {len(text)}"

    monkeypatch.setattr(FishActivator, "quote", staticmethod(counted))
    for directory in ("short", "rather/longer/.venv"):
        bench.directory = directory
        bench.path.parent.mkdir(parents=True, exist_ok=True)  # of a project: it is waited for
        bench.declare()
        assert bench.apply()["outcome"] == "created"
        assert f"'{bench.path}' # {len(str(bench.path))}" in (bench.path / "bin/activate.fish").read_text()


@pytest.mark.parametrize("content", [b"\0%s/lib\0", b"\0" * (5 << 20) + b"%s\0"], ids=["small", "large"])
def test_what_an_installer_leaves_behind_is_not_swapped_in(
    content: bytes, depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from envsync.apply import install as installing  # noqa: PLC0415  # it is patched

    depot.make('packages = ["lib==1.0"]')
    before = contents(files(listing(depot.end)))
    install = installing.install

    def leaving(where: str, *more: Any) -> Any:
        done = install(where, *more)
        os.makedirs(f"{where}/share", exist_ok=True)
        Path(where, "share/compiled").write_bytes(content.replace(b"%s", os.fsencode(where)))
        return done

    monkeypatch.setattr(installing, "install", leaving)
    for lines, options in (('packages = ["lib==1.1"]', ()), ('packages = ["lib==1.0"]', ("--force-rebuild", "one"))):
        depot.declare(lines)
        entry = depot.command("apply", *options)
        assert (entry["outcome"], entry["error"]["code"]) == ("failed", "verify-failed")
        assert "share/compiled" in entry["error"]["message"]
        assert (contents(files(listing(depot.end))), depot.partial_files()) == (before, [])


def test_an_earlier_envsyncs_dead_paths_are_found_and_rendered(bench: Bench) -> None:
    """It split scripts at the quotes that it knew, and virtualenv's had changed."""
    bench.make("envsync")
    for script in ("activate.csh", "activate.xsh"):
        file = bench.path / "bin" / script
        dead = f"{bench.place.root}/.envsync-0123456789abcdef/scratch/env"
        file.write_text(file.read_text().replace(str(bench.path), dead) + "# my own\n")
    (checked,) = run(bench.place, bench.capsys, "check")["environments"]
    assert [one["code"] for one in checked["drift"]] == ["moved"]
    assert bench.apply()["outcome"] == "repaired"
    for script in ("activate.csh", "activate.xsh"):
        text = (bench.path / "bin" / script).read_text()
        assert (".envsync-" in text, text.endswith("# my own\n")) == (False, True)
    output = subprocess.run(
        ["tcsh", "-f", "-c", f"source {bench.path}/bin/activate.csh; which python"], check=True, capture_output=True
    )
    assert output.stdout.decode().strip() == f"{bench.path}/bin/python"
    assert bench.apply()["outcome"] == "unchanged"


@pytest.mark.parametrize("directory", ["$HOME", "plain"])
def test_a_script_that_cannot_be_read_is_rendered_and_the_former_one_kept(directory: str, bench: Bench) -> None:
    bench.directory = f"{directory}/.venv"
    build("venv", bench.python, bench.path)
    if directory == "plain":
        (bench.path / "bin/activate").write_bytes(b"\0\xff\n")
    former = (bench.path / "bin/activate").read_bytes()
    bench.place.write(
        f"[envs.one]\npath = '{bench.directory.replace('$', '${DOLLAR}')}'\npython = \"{bench.python}\"\n"
    )
    os.environ["DOLLAR"] = "$"
    entry = bench.apply()
    del os.environ["DOLLAR"]
    assert entry["outcome"] == "repaired"
    assert (bench.path / "bin/activate.orig").read_bytes() == former
    assert "activate.orig" in str(entry["notes"])
    code = '. "$1" && printf %s "$VIRTUAL_ENV"'
    done = subprocess.run(
        ["bash", "-c", code, "x", f"{bench.path}/bin/activate"], check=True, capture_output=True, text=True
    )
    assert done.stdout == str(bench.path)


def test_run_sets_the_prompt_that_activation_sets(bench: Bench) -> None:
    for lines, prompt in (((), "one"), (('prompt = "mine $x"',), "mine $x")):
        bench.declare(*lines)
        bench.apply()
        shell = bench.activated('printf %s "$VIRTUAL_ENV_PROMPT"')
        code = "import os; print(os.environ['VIRTUAL_ENV_PROMPT'])"
        ran = bench.place.envsync("run", "one", "--", "python", "-c", code).out.strip()
        assert (shell, ran) == (prompt, prompt)


@pytest.mark.parametrize("builder", ["uv", "venv", "virtualenv"])
def test_the_prompt_follows_a_move_in_every_script(builder: str, bench: Bench) -> None:
    (bench.place.root / "former").mkdir()
    bench.directory = "former/.venv"
    bench.make(builder)
    bench.place.root.joinpath("former").rename(bench.place.root / "latter")
    bench.directory = "latter/.venv"
    bench.declare()
    assert bench.apply()["outcome"] == "repaired"
    scripts = [
        one for one in (bench.path / "bin").iterdir() if one.name.startswith("activate") and one.suffix != ".orig"
    ]
    assert [one.name for one in scripts if "former" in one.read_text()] == []
    prompt = bench.activated('printf %s "$VIRTUAL_ENV_PROMPT"')
    assert prompt in {"latter", ".venv", "(.venv) "}
    assert bench.apply()["outcome"] == "unchanged"


def test_a_python_that_virtualenv_knows_nothing_of_gets_its_scripts_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = virtualenv.session_via_cli

    def refusing(arguments: list[str], *more: Any, **options: Any) -> Any:
        if arguments[arguments.index("--python") + 1] != sys.executable:
            raise RuntimeError("it is too old")
        return known(arguments, *more, **options)

    monkeypatch.setattr(virtualenv, "session_via_cli", refusing)
    bench.place.write(f'builder = "venv"\n[envs.one]\npath = "env"\npython = "{bench.python}"\n')
    assert bench.apply()["outcome"] == "created"
    assert bench.activated('printf %s "$VIRTUAL_ENV"') == str(bench.path)
    assert (bench.path / "bin/activate.xsh").is_file()
