"""Requirements files of public projects: installed once, stable from then on, and each of their packages is missed."""

import hashlib
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from envsync.cli.main import main
from harness.depot import Depot
from harness.place import ROOT
from harness.stability import assert_stable, installed_names, make, without
from harness.wheels import make_project

pytestmark = [pytest.mark.sampled(27), pytest.mark.both_installers]

FIELD = ROOT / "tests/field"
FILES = {
    "celery": "requirements/test-ci-default.txt",
    "warehouse": "requirements/tests.txt",
    "freqtrade": "requirements-dev.txt",
    "buildbot": "requirements-ci.txt",
    "text-generation-webui": "requirements/full/requirements.txt",
    "superset": "requirements/development.txt",
    "home-assistant": "requirements_test.txt",
    "certbot": "tools/requirements.txt",
    "zulip": "requirements/common.in",
}
SAMPLE = 3
"""So many of the packages are taken away, unless all tests run."""


@dataclass
class Stubs:
    """What the lines of some files need: wheels by name, and directories."""

    wanted: defaultdict[str, list[Requirement]] = field(default_factory=lambda: defaultdict(list))
    archives: set[str] = field(default_factory=set)
    directories: dict[str, set[str]] = field(default_factory=dict)

    def read(self, text: str) -> None:
        for line in re.sub(r"\\\n", " ", text).splitlines():
            bare = re.sub(r"(^|\s)#.*|--hash=\S+", "", line).strip()
            if bare.startswith("-e "):
                path, _, extras = bare[3:].rstrip("]").partition("[")
                self.directories.setdefault(path, set()).update(filter(None, extras.split(",")))
            elif bare.startswith("${FIELD}"):
                self.archives.add(bare.partition(";")[0].partition("/")[2].strip())
            elif bare and not bare.startswith("-"):
                requirement = Requirement(bare)
                self.wanted[canonicalize_name(requirement.name)].append(requirement)

    def make(self, depot: Depot, root: Path) -> None:
        for requirements in self.wanted.values():
            for version in {*_versions(requirements)}:
                self._wheel(depot, requirements[0].name, version, {one for r in requirements for one in r.extras})
        for archive in self.archives:
            name, release, _, _ = parse_wheel_filename(archive)
            made = depot.wheel(name, str(release), files={f"{name.replace('-', '_')}_stub.py": ""})
            made.rename(made.with_name(archive))
        for path, extras in self.directories.items():
            directory = (root / path).resolve()
            more = "".join(f'{extra} = ["{directory.name}-{extra}"]\n' for extra in sorted(extras))
            make_project(directory, directory.name, more=f"[project.optional-dependencies]\n{more}" if more else "")
            for extra in extras:
                depot.wheel(f"{directory.name}-{extra}", "1.0")

    @staticmethod
    def _wheel(depot: Depot, name: str, version: str, extras: set[str]) -> None:
        module = canonicalize_name(name).replace("-", "_")
        needed = {extra: f"{canonicalize_name(name)}-{extra}" for extra in sorted(extras)}
        depot.wheel(module, version, extras={extra: [one] for extra, one in needed.items()})
        for one in needed.values():
            depot.wheel(one, "1.0")


def _versions(requirements: list[Requirement]) -> Iterator[str]:
    """Yield a version that meets them all; where none does, they are for different platforms: one for each."""
    all_of_them = SpecifierSet(",".join(str(one.specifier) for one in requirements))
    for specifier in [all_of_them] if (found := _version(all_of_them)) else [one.specifier for one in requirements]:
        version = found or _version(specifier)
        assert version, f"no version meets {specifier}"
        yield version


def _version(specifier: SpecifierSet) -> str | None:
    named = [one.version.removesuffix(".*") for one in specifier]
    candidates = [*named, *(f"{one}.1" for one in named), "1.0", "0.5"]
    return next((str(Version(one)) for one in candidates if specifier.contains(one, prereleases=True)), None)


def plant(depot: Depot, project: str) -> Path:
    """Copy the files of a project, and make what they ask for."""
    root = depot.root / project
    shutil.copytree(FIELD / project, root)
    files = [path for path in root.rglob("*") if path.suffix in {".txt", ".in"}]
    stubs = Stubs()
    for file in files:
        stubs.read(file.read_text())
    stubs.make(depot, root)
    for file in files:
        file.write_text(
            re.sub(r"(\S+)==(\S+) \\\n    --hash=sha256:HASH", lambda m: _hashed(depot, *m.groups()), file.read_text())
        )
    return root


def _hashed(depot: Depot, name: str, version: str) -> str:
    wheel = depot.wheels / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name}=={version} \\\n    --hash=sha256:{digest}"


@pytest.mark.parametrize("project", FILES)
def test_a_file_of_the_field_is_stable_and_each_of_its_packages_is_missed(
    depot: Depot, monkeypatch: pytest.MonkeyPatch, project: str
) -> None:
    root = plant(depot, project)
    monkeypatch.setenv("FIELD", depot.wheels.as_uri())
    for wheel in [*depot.wheels.glob("lib-*"), *depot.wheels.glob("app-*")]:
        wheel.unlink()
    make(depot, f'requirements = ["{project}/{FILES[project]}"]')
    names = installed_names(depot)
    assert len(names) >= len(_applying(root / FILES[project]))
    every = os.environ.get("ENVSYNC_ALL_TESTS")
    for name in names if every else names[:: len(names) // SAMPLE]:
        with without(depot, name):
            assert main(["check"]) == 3, f"nobody misses {name}"
        assert main(["check"]) == 0, f"{name} is back"
    assert_stable(depot)


def _applying(file: Path) -> set[str]:
    """Return the names of the requirements in one file that are for this platform."""
    found: set[str] = set()
    for line in file.read_text().splitlines():
        try:
            requirement = Requirement(line.partition(" #")[0].rstrip("\\ "))
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"python_version": "3.11"}):
            found.add(canonicalize_name(requirement.name))
    return found
