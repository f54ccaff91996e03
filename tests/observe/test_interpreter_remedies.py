"""The hint for an interpreter that does not work is that of its very cause, with a command that works when pasted."""

import errno
import os
import shlex
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from envsync.formats.executable import Executable, describe
from envsync.model.desired import PythonVersion
from envsync.model.interpreter import Candidate
from envsync.observe.links import walk
from envsync.observe.remedies import of_directory, of_failure, of_loop, of_nothing, of_request
from envsync.observe.unrunnable import Remedy, of_file, of_refusal
from harness.place import Place


def candidate(link: str | Path, *version: int) -> Candidate:
    return Candidate(str(link), "cpython", version, stable=len(version) < 3)


def elf(machine: int, loader: bytes = b"") -> bytes:
    """Return an ELF program of 64 bits with nothing in it but its loader's name."""
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack("<HHIQQQIHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, 1)
    segment = struct.pack("<IIQ", 3 if loader else 1, 4, 120)
    return head.ljust(64, b"\0") + segment.ljust(56, b"\0") + loader + b"\0"


OWN = 62 if os.uname().machine == "x86_64" else 183
"""The number of this machine in ELF programs, where it is one of the two."""


@pytest.fixture
def managers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let every version manager have its home in a directory, in which nothing is."""
    for variable, place in (
        ("PYENV_ROOT", "pyenv"),
        ("MISE_DATA_DIR", "mise"),
        ("ASDF_DATA_DIR", "asdf"),
        ("UV_PYTHON_INSTALL_DIR", "uv"),
        ("HOMEBREW_PREFIX", "brew"),
    ):
        monkeypatch.setenv(variable, str(tmp_path / place))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    return tmp_path


def missing(link: str | Path, *installed: Candidate) -> Remedy:
    return of_nothing(str(link), walk(str(link)), lambda: installed)


@pytest.mark.parametrize(
    ("link", "command"),
    [
        ("pyenv/versions/3.13.0/bin/python", "pyenv install 3.13.0"),
        ("mise/installs/python/3.13/bin/python", "mise install python@3.13"),
        ("uv/cpython-3.13-linux-x86_64-gnu/bin/python", "uv python install 3.13"),
        ("uv/cpython-3.13.1-macos-aarch64-none/bin/python3.13", "uv python install 3.13.1"),
        ("brew/opt/python@3.13/bin/python3.13", "brew install python@3.13"),
        ("brew/Cellar/python@3.13/3.13.4_1/bin/python3.13", "brew install python@3.13"),
        ("asdf/installs/python/3.13.0/bin/python", "asdf install python 3.13.0"),
    ],
)
def test_what_is_missing_comes_back_by_the_tool_whose_path_it_is(managers: Path, link: str, command: str) -> None:
    found = missing(managers / link)
    assert found.commands == (tuple(command.split()),)
    assert found.hint == f"Install it: {command}. The environment is left as it is."


def test_of_the_systems_packages_that_which_is_missing_is_named(managers: Path) -> None:
    assert managers.is_dir()
    if not os.path.exists("/usr/bin/apt-get"):
        pytest.skip("needs Debian's packages")
    assert missing("/usr/bin/python3.99").commands == (("sudo", "apt", "install", "python3.99"),)


def test_a_link_that_pyenv_does_not_make_is_made_or_led_on_by_the_command(managers: Path) -> None:
    versions = managers / "pyenv" / "versions"
    for tree in ("3.12.3", "3.11.2"):
        (versions / tree / "bin").mkdir(parents=True)
        (versions / tree / "bin" / "python").write_text("")
    here = [candidate(versions / tree / "bin/python", *map(int, tree.split("."))) for tree in ("3.12.3", "3.11.2")]
    (versions / "3.11").symlink_to("3.11.1")
    for minor in ("3.12", "3.11"):
        link = versions / minor / "bin/python"
        assert not link.exists()
        (command,) = missing(link, *here).commands
        subprocess.run(["/bin/bash", "-c", shlex.join(command)], check=True, env={"PATH": os.defpath})
        assert link.exists()
    link = versions / "3.9/bin/python"
    found = missing(link, *here)
    assert f'pyenv install 3.9 && ln -s "$(pyenv latest 3.9)" {versions}/3.9' in found.hint
    assert found.commands == ()


def test_what_is_here_may_be_used_instead_that_of_the_same_version_first(managers: Path) -> None:
    stable, patch = candidate("/s/python3.12", 3, 12), candidate("/p/3.12.4/bin/python", 3, 12, 4)
    other = candidate("/s/python3.11", 3, 11)
    hint = missing(managers / "own/python3.12", patch, other, stable).hint
    assert hint.startswith('Use the Python 3.12 that is here: python = "/s/python3.12".')
    hint = missing(managers / "own/python3.10", patch, other, stable).hint
    assert hint.startswith('Use another that is here: python = "/s/python3.12", python = "/s/python3.11".')
    assert missing(managers / "own/python").hint.startswith("Install that Python, or name another link.")


def test_a_conda_environment_without_python_gets_it_from_conda(managers: Path) -> None:
    (managers / "conda/envs/x/conda-meta").mkdir(parents=True)
    (managers / "conda/envs/x/bin").mkdir()
    assert missing(managers / "conda/envs/x/bin/python").commands == (
        ("conda", "install", "-p", f"{managers}/conda/envs/x", "python"),
    )


@pytest.mark.parametrize(
    ("request_", "commands"),
    [
        (PythonVersion("3.15", "cpython", "==3.15.*"), ["uv python install 3.15", "pyenv install 3.15"]),
        (PythonVersion("3.12.99", "cpython", "==3.12.99"), ["uv python install 3.12.99", "pyenv install 3.12.99"]),
        (PythonVersion(">=3.9,<3.11", "cpython", ">=3.9,<3.11"), ["uv python install 3.10", "pyenv install 3.10"]),
        (PythonVersion(">=3.20", "cpython", ">=3.20"), ["uv python install 3.20", "pyenv install 3.20"]),
        (
            PythonVersion("3.13t", "cpython", "==3.13.*", free_threaded=True),
            ["uv python install 3.13t", "pyenv install 3.13t"],
        ),
        (PythonVersion("pypy3.10", "pypy", "==3.10.*"), ["uv python install pypy3.10", "pyenv install pypy3.10"]),
    ],
)
def test_what_a_request_lacks_is_installed_by_the_version_managers_that_are_here(
    managers: Path, monkeypatch: pytest.MonkeyPatch, request_: PythonVersion, commands: list[str]
) -> None:
    (managers / "commands").mkdir()
    (managers / "commands" / "pyenv").write_text("")
    (managers / "uv").mkdir()
    monkeypatch.setenv("PATH", f"{managers}/commands")
    found = of_request(request_)
    assert found.hint == f"Install it: {', or: '.join(commands)}; or name an interpreter by its path."
    assert found.commands == (tuple(commands[0].split()),)


def test_no_command_is_made_up_for_what_no_tool_has(managers: Path) -> None:
    assert managers.is_dir()
    assert of_request(PythonVersion("graalpy24", "graalpy", "==24.*")).commands == ()
    assert of_request(PythonVersion("<3", "cpython", "<3")).commands == ()


def test_a_link_that_git_wrote_as_a_text_file_is_made_a_link_again(tmp_path: Path) -> None:
    link = tmp_path / "my python"
    link.write_text("/bin/sh")
    message, found = of_file(walk(str(link)))
    assert "as git writes it" in message
    subprocess.run(["/bin/bash", "-c", found.hint.partition(": ")[2]], check=True)
    assert os.readlink(link) == "/bin/sh"


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (b"print(1)\n", "is a text file, not an interpreter", "Name the interpreter itself."),
        (b"", "is an empty file", "Install that Python again"),
        (elf(9), "is not executable", "chmod +x"),
        (b"#!/bin/sh\n", "is not executable", "chmod +x"),
        (b"\xcf\xfa\xed\xfe\x0c\0\0\1" + b"\0" * 32, "a program for macOS arm64; this is ", "for this machine"),
    ],
)
def test_a_file_that_is_not_executable_is_called_what_it_is(
    tmp_path: Path, content: bytes, message: str, hint: str
) -> None:
    file = tmp_path / "it's"
    file.write_bytes(content)
    if os.uname().sysname == "Darwin" and "macOS" in message:
        pytest.skip("it is one of this system's")
    found = of_file(walk(str(file)))
    assert message in found[0]
    assert hint in found[1].hint
    for command in found[1].commands:
        subprocess.run(["/bin/bash", "-c", shlex.join(command)], check=True, env={"PATH": os.defpath})
        assert os.access(file, os.X_OK)


@pytest.mark.parametrize(
    ("content", "number", "message"),
    [
        (b"hello\n", errno.ENOEXEC, "it is a text file without a #! line"),
        (b"", errno.ENOEXEC, "it is an empty file"),
        (b"MZ\x90\0", errno.ENOEXEC, "it is a program for Windows; this is "),
        (b"#!/nowhere/python\n", errno.ENOENT, "its #! line names /nowhere/python, and nothing is there"),
        (b"#!/bin/sh\n", errno.EACCES, "Permission denied"),
        (elf(OWN, b"/nowhere/ld.so"), errno.ENOENT, "it needs the loader /nowhere/ld.so, which is not here"),
        (elf(OWN), errno.ENOEXEC, "Exec format error: it may be damaged"),
    ],
)
def test_what_the_system_refuses_to_run_is_called_what_it_is(
    tmp_path: Path, content: bytes, number: int, message: str
) -> None:
    file = tmp_path / "python"
    file.write_bytes(content)
    assert of_refusal(str(file), OSError(number, os.strerror(number)))[0].startswith(message)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (elf(62, b"/lib64/ld.so"), Executable("linux", "x86_64", "/lib64/ld.so")),
        (elf(183), Executable("linux", "aarch64")),
        (b"\x7fELF", Executable("linux")),
        (b"\xcf\xfa\xed\xfe\x07\0\0\1", Executable("macos", "x86_64")),
        (b"\xca\xfe\xba\xbe\0\0\0\2", Executable("macos")),
        (b"#! /usr/bin/env python\n", Executable("script", runs_by="/usr/bin/env")),
        (b"#!", Executable("script")),
        (b"a\0b", Executable("data")),
    ],
)
def test_a_file_is_recognised_by_its_first_bytes(head: bytes, expected: Executable) -> None:
    assert describe(head) == expected


def test_whether_a_program_is_for_this_machine_is_seen_by_system_and_machine() -> None:
    arm = Executable("macos", "arm64")
    assert not arm.is_foreign("darwin", "arm64")
    assert arm.is_foreign("darwin", "x86_64")
    assert arm.is_foreign("linux", "aarch64")
    assert not Executable("linux", "aarch64").is_foreign("linux", "arm64")
    assert not Executable("script").is_foreign("linux", "x86_64")


def test_a_loop_names_each_of_its_links_once(tmp_path: Path) -> None:
    for name, text in (("start", "one"), ("one", "two"), ("two", "one")):
        (tmp_path / name).symlink_to(text)
    hint = of_loop(walk(f"{tmp_path}/start")).hint
    assert f"(ls -l {tmp_path}/one {tmp_path}/two)" in hint


def test_an_interpreter_that_fails_is_installed_again_by_its_tool(managers: Path) -> None:
    link = managers / "pyenv/versions/3.12.1/bin/python"
    link.parent.mkdir(parents=True)
    link.write_text("")
    found = of_failure(str(link), walk(str(link)))
    assert found.commands == (("pyenv", "install", "--force", "3.12.1"),)
    assert shlex.join([str(link), "-c", "print(1)"]) in found.hint
    own = managers / "own"
    assert of_failure(str(own), walk(str(own))).commands == ()


def test_a_directory_names_the_interpreter_in_it(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").write_text("")
    assert of_directory(str(tmp_path)).hint == f'Name the executable in it: python = "{tmp_path}/bin/python3"'
    assert of_directory("/nowhere").hint == "Name the executable itself."


def test_a_broken_environments_python_is_reported_with_the_one_that_it_lacks(place: Place) -> None:
    bin_ = place.root / "broken/bin"
    bin_.mkdir(parents=True)
    (bin_.parent / "pyvenv.cfg").write_text("home = /nowhere/bin\nversion = 3.9.1\n")
    (bin_ / "python").symlink_to("/nowhere/bin/python3.9")
    place.write(f'[envs.a]\npath = "a"\npython = "{bin_}/python"\n')
    conflict = place.envsync("plan", "--json").environments["a"]["conflict"]
    expected = (
        f"{bin_}/python belongs to the environment {bin_.parent}, whose own Python /nowhere/bin/python3.9 is gone"
    )
    assert conflict["message"] == expected


def write(file: Path, content: bytes | str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    file.chmod(0o755)
    return file


def lead(link: Path, text: str | Path) -> Path:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(text)
    return link


FOREIGN = 62 if OWN == 183 else 183
REPORTED = {
    "uv-12168": ("belongs to the environment", "Install it: uv python install 3.10;"),
    "uv-7614": ("nothing is at ", "Install it: uv python install 3.10.14;"),
    "uv-1868": ("ended with exit status 127", "python3.wrapper -c 'print(1)'"),
    "pipx-633": (
        "nothing is at ",
        'Use the Python 3.12 that is here: python = "{root}/brew/opt/python@3.12/bin/python".',
    ),
    "pipx-146": ("leads to {root}/brew/Cellar/python@3.12/3.12.0", "Use the Python 3.12 that is here"),
    "pyenv-431": ("version '3.10.99' is not installed", "It is a shim: what it runs depends on the directory."),
    "pipenv-1918": ("nothing is at ", "Install it from https://www.python.org/downloads/;"),
    "direnv-547": ("nothing is at /usr/bin/python3.6", "that is here: python = "),
    "mamba-1935": ("it is a program for Linux ", "Install a Python for this machine"),
    "s5p-tools-1": ("its #! line names /Users/b/bin/python3", "Name the interpreter itself."),
}
"""By repository and number, public reports of errors that did not say what was wrong: what is said here."""


def test_what_was_reported_of_other_tools_is_told_with_its_cause_and_remedy(
    place: Place, python_of: Callable[[str], str]
) -> None:
    root, brew = place.root, place.root / "brew"
    uv = root / "uv/cpython-3.10-linux-x86_64-gnu/bin"
    write(root / "old/pyvenv.cfg", f"home = {uv}\nversion_info = 3.10.14\n")
    lead(brew / "opt/python@3.12", "../Cellar/python@3.12/3.12.1_8")
    lead(brew / "Cellar/python@3.12/3.12.1_8", Path(python_of("3.12")).parent.parent)
    pythons = {
        "uv-12168": lead(root / "old/bin/python", uv / "python3.10"),
        "uv-7614": root / "uv/cpython-3.10.14-linux-x86_64-gnu/bin/python3.10",
        "uv-1868": write(root / "wrapper/python3.wrapper", '#!/bin/sh\npython3.wrapper "$@"\n'),
        "pipx-633": brew / "Cellar/python@3.12/3.12.1_4/bin/python3.12",
        "pipx-146": lead(root / "local/bin/python3", brew / "Cellar/python@3.12/3.12.0/bin/python3"),
        "pyenv-431": write(
            root / "shims/python3", "#!/bin/sh\necho \"version '3.10.99' is not installed\" >&2\nexit 1\n"
        ),
        "pipenv-1918": "/Library/Frameworks/Python.framework/Versions/3.12/bin/python3.99",
        "direnv-547": "/usr/bin/python3.6",
        "mamba-1935": write(root / "mamba/bin/python", elf(FOREIGN)),
        "s5p-tools-1": write(root / "anaconda3/bin/python3", "#!/Users/b/bin/python3\n"),
    }
    place.write("".join(f'[envs.{name}]\npath = "{name}"\npython = "{link}"\n' for name, link in pythons.items()))
    run = place.envsync("plan", "--json", HOMEBREW_PREFIX=str(brew), UV_PYTHON_INSTALL_DIR=str(root / "uv"))
    for name, entry in run.environments.items():
        message, hint = (text.format(root=root) for text in REPORTED[name])
        assert message in entry["conflict"]["message"], name
        assert hint in entry["conflict"]["hint"], name
    assert run.environments.keys() == REPORTED.keys()
