"""The Nix package and the home-manager module, evaluated: they have what pyproject.toml and the service have.

nixpkgs cannot be had in a test: what the two use of it stands here, as plain functions.
"""

import json
import plistlib
import re
import shutil
import subprocess
import tomllib
from typing import Any

import pytest

from envsync import __version__
from envsync.watch.service import Definition, plist, unit
from harness.place import ROOT

NIX = ROOT / "integrations/nix"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LIB = """
let
  lib = {
    cleanSource = path: path;
    escapeShellArgs = builtins.concatStringsSep " ";
    getExe = package: "/bin/${package.meta.mainProgram}";
    licenses.mit = "MIT";
    literalExpression = text: text;
    mkEnableOption = text: { default = false; };
    mkIf = condition: value: if condition then value else { };
    mkOption = option: option;
    platforms = { linux = [ "linux" ]; darwin = [ "darwin" ]; };
    types = { nullOr = type: type; package = "package"; path = "path"; };
  };
  python3Packages = builtins.listToAttrs (map (name: { inherit name; value = name; }) NAMES) // {
    buildPythonApplication = arguments: removeAttrs arguments [ "src" ];
  };
  pkgs = {
    inherit python3Packages;
    callPackage = file: more: import file ({ inherit lib python3Packages; } // more);
    coreutils = "/coreutils";
    formats.toml = { }: { type = "toml"; generate = name: value: { inherit name value; }; };
    stdenv.hostPlatform = { isLinux = LINUX; isDarwin = !LINUX; };
  };
  package = pkgs.callPackage PATH/package.nix { };
  module = import PATH/home-manager.nix {
    inherit lib pkgs;
    config = {
      home = { homeDirectory = "/home"; profileDirectory = "/profile"; };
      programs.envsync = {
        enable = true;
        inherit package;
        settings.envs.blog.path = "~/blog";
        manifest = MANIFEST;
        watch.enable = true;
      };
      xdg.configHome = "/config";
    };
  };
in
{
  inherit package;
  inherit (module) config;
  options = builtins.attrNames module.options.programs.envsync;
}
"""


WATCH = ("/bin/envsync", "watch", "--file", "/config/envsync/envs.toml")
PLACES = "/profile/bin:/run/current-system/sw/bin:/usr/local/bin:/usr/bin:/bin"
SERVICE = Definition(WATCH, (("PATH", PLACES),), ("/tmp", "/config"), "/home/Library/Logs/envsync.log")
"""What install would write there; with a directory below /tmp, so that the unit lets it be seen."""


def names_in(requirements: list[str]) -> list[str]:
    return [re.split(r"[^\w-]", one)[0] for one in requirements]


DEPENDENCIES, BUILD = (
    names_in(one) for one in (PROJECT["project"]["dependencies"], PROJECT["build-system"]["requires"])
)


def evaluated(*, linux: bool = True, manifest: str = "null") -> dict[str, Any]:
    if shutil.which("nix-instantiate") is None:
        pytest.skip("needs nix-instantiate, which is not installed here")
    names = " ".join(f'"{name}"' for name in {*DEPENDENCIES, *BUILD})
    values = {"NAMES": f"[ {names} ]", "LINUX": json.dumps(linux), "PATH": str(NIX), "MANIFEST": manifest}
    expression = re.sub(r"\b(NAMES|LINUX|PATH|MANIFEST)\b", lambda found: values[found[0]], LIB)
    done = subprocess.run(
        ["nix-instantiate", "--eval", "--strict", "--json", "--expr", expression],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert isinstance(result, dict)
    return result


def test_the_package_is_built_from_what_the_project_declares() -> None:
    package = evaluated()["package"]
    assert package["version"] == __version__
    assert package["pname"] == PROJECT["project"]["name"]
    assert package["meta"]["description"] == PROJECT["project"]["description"].rstrip(".")
    assert sorted(package["dependencies"]) == sorted(DEPENDENCIES)
    assert sorted(package["build-system"]) == sorted(BUILD)


def test_the_manifest_is_made_of_the_settings_or_linked_and_never_both() -> None:
    config = evaluated()["config"]
    (source,) = config["xdg"]["configFile"].values()
    assert source["source"]["value"] == {"version": 1, "envs": {"blog": {"path": "~/blog"}}}
    assert config["home"]["sessionVariables"] == {"ENVSYNC_FILE": "/config/envsync/envs.toml"}
    assert [one["assertion"] for one in config["assertions"]] == [True]
    config = evaluated(manifest='"/own/envs.toml"')["config"]
    assert config["xdg"]["configFile"] == {"envsync/envs.toml": {"source": "/own/envs.toml"}}
    assert [one["assertion"] for one in config["assertions"]] == [False]


def test_the_services_are_those_that_install_would_write() -> None:
    config = evaluated()["config"]
    assert config["launchd"]["agents"]["envsync"] == {}
    lines = [line for line in unit(SERVICE).splitlines() if "=" in line and not line.startswith("#")]
    wanted = dict(line.replace('"', "").split("=", 1) for line in lines)
    found = {
        key: value for part in config["systemd"]["user"]["services"]["envsync"].values() for key, value in part.items()
    }
    assert found.pop("ExecReload") == f"/coreutils{wanted.pop('ExecReload')}"
    assert {key: as_systemd_has_it(value) for key, value in found.items()} == wanted


def as_systemd_has_it(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(value) if isinstance(value, list) else str(value)


def test_so_is_the_agent_of_macos() -> None:
    config = evaluated(linux=False)["config"]
    assert config["systemd"]["user"]["services"]["envsync"] == {}
    wanted = plistlib.loads(plist(SERVICE).encode())
    assert wanted.pop("Label")  # home-manager gives one
    assert config["launchd"]["agents"]["envsync"] == {"enable": True, "config": wanted}


def test_each_option_is_documented() -> None:
    text = (ROOT / "docs/nix.md").read_text()
    rows = re.findall(r"^\| `programs\.envsync\.(\w+)(?:\.enable)?` \|", text, re.MULTILINE)
    assert sorted(rows) == sorted(evaluated()["options"])


def test_the_example_is_valid_nix() -> None:
    (block,) = re.findall(r"^```nix\n(.*?)^```", (ROOT / "docs/nix.md").read_text(), re.MULTILINE | re.DOTALL)
    if shutil.which("nix-instantiate") is None:
        pytest.skip("needs nix-instantiate, which is not installed here")
    subprocess.run(["nix-instantiate", "--parse", "--expr", block], check=True, capture_output=True)
