"""No setting, variable or base changes what is declared, or where it is installed; and no secret is written down."""

import base64
import functools
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from envsync.cache.fingerprint import outwait_slack
from envsync.cli.main import main
from harness.bench import files, listing
from harness.depot import Depot, broken_records, naming
from harness.stability import assert_each_is_missed, assert_stable, change, make, skip_unless
from harness.wheels import make_project, make_wheel

pytestmark = [pytest.mark.sampled(18), pytest.mark.both_installers]
SECRET = "geheim"  # noqa: S105  # it stands for one


def configure(name: str, text: str) -> None:
    file = Path(os.environ["HOME"], ".config", name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize("setting", ["target", "prefix", "user", "root", "no-deps", "dry-run", "upgrade"])
def test_a_pip_conf_changes_nothing(depot: Depot, setting: str) -> None:
    skip_unless(depot, "pip")
    value = depot.root / "elsewhere" if setting in {"target", "prefix", "root"} else "true"
    configure("pip/pip.conf", f"[global]\n{setting} = {value}\n")
    assert make(depot, 'packages = ["app"]') == {"app": "1.0", "lib": "1.1"}
    assert not (depot.root / "elsewhere").exists()


@pytest.mark.parametrize("where", ["uv.toml", "pyproject.toml", "UV_MANAGED_PYTHON", "UV_PYTHON_PREFERENCE"])
def test_uv_takes_the_python_that_is_given(depot: Depot, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    skip_unless(depot, "uv")
    directory = make_project(depot.root / "blog", "blog", "1.0", ["app"])
    depot.uv("lock", "--project", str(directory), "--python", str(depot.link / "python"))
    make(depot, 'project = "blog"')
    depot.install("tool")
    (depot.path / "notes.txt").write_text("mine")
    match where:
        case "uv.toml":
            configure("uv/uv.toml", 'python-preference = "only-managed"\n')
        case "pyproject.toml":
            with (directory / "pyproject.toml").open("a") as file:
                file.write('[tool.uv]\npython-preference = "only-managed"\n')
        case _:
            monkeypatch.setenv(where, "1" if where == "UV_MANAGED_PYTHON" else "only-managed")
    for path in depot.site.glob("app*"):
        path.rename(depot.root / path.name)
    assert change(depot) == {"app": "1.0", "blog": "1.0", "lib": "1.1", "tool": "0.5"}
    assert (depot.path / "notes.txt").read_text() == "mine"
    assert os.readlink(depot.path / "bin/python") == f"{depot.link}/python"


@pytest.mark.parametrize(
    "variable",
    [
        *("UV_NO_DEV=1", "UV_NO_GROUP=dev", "UV_NO_EDITABLE=1", "UV_NO_INSTALL_PROJECT=1", "UV_NO_SOURCES=1"),
        *(
            "UV_NO_INSTALL_PACKAGE=lib",
            "UV_ONLY_GROUP=none",
            "UV_FROZEN=1",
            "UV_PROJECT=/nowhere",
            "UV_SYSTEM_PYTHON=1",
        ),
        *("PIP_TARGET=elsewhere", "PIP_NO_DEPS=1", "PIP_UPGRADE=1", "PIP_REQUIREMENT=gone.txt", "PIP_DRY_RUN=1"),
    ],
)
def test_variables_leave_nothing_out(depot: Depot, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    skip_unless(depot, variable.partition("_")[0].lower())
    directory = make_project(depot.root / "blog", "blog", "1.0", ["app"], '[dependency-groups]\ndev = ["tool"]\n')
    if depot.installer == "uv":
        depot.uv("lock", "--project", str(directory), "--python", str(depot.link / "python"))
    name, _, value = variable.partition("=")
    monkeypatch.setenv(name, value)
    versions = make(depot, 'project = "blog"', 'groups = ["dev"]')
    assert versions == {"app": "1.0", "blog": "1.0", "lib": "1.1", "tool": "0.5"}
    assert not (depot.root / "elsewhere").exists()


def pips(depot: Depot) -> list[str]:
    return sorted(one.name for one in depot.site.glob("pip-*"))


def test_a_declared_pip_is_a_package_like_others(depot: Depot) -> None:
    make_wheel(depot.wheels, "pip", "24.3.1", files={"pip/__init__.py": "", "pip/older.py": ""})
    make_wheel(depot.wheels, "pip", "99.0", files={"pip/__init__.py": "", "pip/newer.py": ""})
    make(depot, 'packages = ["pip"]')
    assert pips(depot) == ["pip-99.0.dist-info"]
    for wanted in ("pip==24.3.1", "pip>=25"):
        depot.declare(f'packages = ["{wanted}", "lib"]')
        change(depot)
        assert len(pips(depot)) == 1
        assert list(broken_records(depot.path, depot.site)) == []
        assert main(["check", "--deep"]) == 0
    depot.declare('packages = ["pip>=25", "lib", "tool"]')
    change(depot)
    assert pips(depot) == ["pip-99.0.dist-info"]
    assert (depot.site / "pip/newer.py").exists()
    assert not (depot.site / "pip/older.py").exists()


def base_with_a_package(depot: Depot) -> Path:
    """Make a Python of its own, with a package in it, of another's standard library."""
    tree, home = depot.root / "base", Path(os.path.realpath(depot.python_of("3.11"))).parent.parent
    library = tree / "lib/python3.11"
    (library / "site-packages").mkdir(parents=True)
    (tree / "bin").mkdir()
    (tree / "bin/python3.11").write_bytes((home / "bin/python3.11").read_bytes())
    (tree / "bin/python3.11").chmod(0o755)
    (tree / "bin/python").symlink_to("python3.11")
    for entry in (home / "lib/python3.11").iterdir():
        if entry.name != "site-packages":
            (library / entry.name).symlink_to(entry)
    (library / "site-packages/based.py").write_text("")
    (library / "site-packages/based-1.0.dist-info").mkdir()
    (library / "site-packages/based-1.0.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: based\nVersion: 1.0\n"
    )
    return tree


def test_what_the_base_has_may_be_enough_and_stays_enough(depot: Depot) -> None:
    depot.wheel("based", "1.0")
    depot.wheel("needy", "1.0", "based")
    depot.point(str(base_with_a_package(depot) / "bin"))
    make(depot, 'packages = ["needy"]', "system-site-packages = true")
    assert depot.versions()["needy"] == "1.0"


def test_what_one_bases_packages_meet_another_environment_does_not(depot: Depot) -> None:
    depot.wheel("based", "1.0")
    depot.wheel("needy", "1.0", "based")
    depot.point(str(base_with_a_package(depot) / "bin"))
    make(depot, 'packages = ["needy"]', "system-site-packages = true")
    for path in depot.site.glob("based*"):
        path.rename(depot.root / path.name)
    main(["check"])
    depot.declare('packages = ["needy"]')
    depot.apply()
    assert depot.versions() == {"based": "1.0", "needy": "1.0"}
    assert_stable(depot)


class _Guarded(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:  # the library's name
        expected = base64.b64encode(f"me:{SECRET}".encode()).decode()
        if self.headers.get("Authorization") == f"Basic {expected}":
            super().do_GET()
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="wheels"')
            self.end_headers()

    def log_message(self, *_: object) -> None:
        """Report nothing."""


@pytest.fixture
def guarded(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the wheels to whoever has the password; gives host and port."""
    monkeypatch.delenv("UV_OFFLINE")
    handler = functools.partial(_Guarded, directory=str(depot.wheels))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("variable", [False, True])
def test_a_url_with_credentials_converges_and_nothing_holds_them(
    depot: Depot, guarded: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: bool
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(depot.root / "cache"))
    monkeypatch.setenv("UV_CACHE_DIR", str(depot.root / "uv"))
    monkeypatch.setenv("PIP_CACHE_DIR", str(depot.root / "uv"))
    monkeypatch.setenv("TOKEN", SECRET)
    secret = "${TOKEN}" if variable else SECRET
    line = f"lib @ http://me:{secret}@{guarded}/lib-1.0-py3-none-any.whl"
    (depot.root / "all.txt").write_text(f"{line}\n")
    declared = ['requirements = ["all.txt"]'] if variable else [f'packages = ["{line}"]']
    assert make(depot, *declared) == {"lib": "1.0"}
    assert_each_is_missed(depot)
    depot.declare(*declared, 'constraints = ["limits.txt"]')
    (depot.root / "limits.txt").write_text("tool==0.5\n")
    outwait_slack()  # what is written just now is asked about again
    depot.apply()
    assert_stable(depot)
    for arguments in (["plan"], ["status"], ["explain", "one"], ["doctor"], ["outdated"], ["check", "--json"]):
        capsys.readouterr()
        main(arguments)
        assert SECRET not in "".join(capsys.readouterr()), arguments
    (depot.wheels / "lib-1.0-py3-none-any.whl").unlink()
    monkeypatch.setenv("UV_CACHE_DIR", str(depot.root / "other"))
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    depot.flip("3.12")
    assert main(["apply"]) == 1
    assert SECRET not in "".join(capsys.readouterr())
    kept = [depot.end, depot.root / "cache", Path(os.environ["HOME"]), depot.root / "state"]
    holding = [path for directory in kept for path in naming(directory, SECRET)]
    assert [path for path in holding if not path.name.startswith("manifest-")] == []
    assert [path for path in holding if path.stat().st_mode & 0o077] == []  # what is kept of the manifest itself


def test_credentials_that_are_wrong_change_nothing(depot: Depot, guarded: str) -> None:
    make(depot, 'packages = ["tool"]')
    before = {name: one.held for name, one in files(listing(depot.end)).items()}
    depot.declare(f'packages = ["tool", "lib @ http://me:wrong@{guarded}/lib-1.0-py3-none-any.whl"]')
    assert depot.apply()["outcome"] == "failed"
    assert {name: one.held for name, one in files(listing(depot.end)).items()} == before
