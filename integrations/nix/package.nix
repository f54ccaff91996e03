# Build envsync from the source around this file:
#   pkgs.callPackage ./integrations/nix/package.nix { }
{
  lib,
  python3Packages,
}:

let
  root = ../..;
  version = builtins.match ".*__version__ = \"([^\"]+)\".*" (builtins.readFile (root + "/src/envsync/__init__.py"));
in
python3Packages.buildPythonApplication {
  pname = "envs-toml";
  version = builtins.head version;
  pyproject = true;

  src = lib.cleanSource root;

  build-system = with python3Packages; [
    hatchling
    argcomplete
    argparse-manpage
  ];

  dependencies = with python3Packages; [
    argcomplete
    packaging
    platformdirs
    pydantic
    rich
    tomlkit
    virtualenv
    watchfiles
  ];

  pythonImportsCheck = [ "envsync" ];

  meta = {
    description = "Keep Python virtual environments as one file says they should be, and never replace a link";
    license = lib.licenses.mit;
    mainProgram = "envsync";
    platforms = lib.platforms.linux ++ lib.platforms.darwin;
  };
}
