"""What is at the edge of what a pass looks at, or changes while one is at work, is seen with caches as well."""

import os
import platform
import shutil
import subprocess
import sys
import time
from unittest import mock

import pytest
from _pytest.mark.structures import ParameterSet
from uv import find_uv_bin

from envsync.__main__ import fast_answer
from envsync.cli.main import main
from envsync.write import snapshot
from harness.damages import BLOG, LIB, ONE, SITE, Step, do
from harness.small_world import World, assert_same

pytest_plugins = ["harness.plugin_world"]

NOTED = Step("settle")
"""A pass takes note of how things are, and the fast path has an answer."""
STALE = f"#!@/{BLOG}/bin/python\n"
COPIED = (
    Step("copy", "copied/bin/python", "opt/python"),
    Step("file", "copied/pyvenv.cfg", "home = @/opt\nversion = 3.11\n"),
    Step("link", "pythons/hop", "@/copied/bin/python"),
    Step("apply"),
    NOTED,
)
"""An environment that was made with a copy of its interpreter stands behind an interpreter link."""
PROGRAM = '#!/bin/sh\nexec "@/opt/other" "$@"\n'
EDGES = {
    "the version in metadata": [Step("edit", f"{LIB}/METADATA", "Version: 1.1 => Version: 0.9")],
    "a requirement in metadata": [Step("edit", f"{SITE}/app-1.0.dist-info/METADATA", "lib>=1 => lib>=7")],
    "metadata that is cut short": [Step("truncate", f"{LIB}/METADATA")],
    "an origin": [Step("edit", f"{ONE}/direct_url.json", "src/one => src/eno")],
    "metadata behind a link": [Step("relocate", LIB), NOTED, Step("save", f"{LIB}/METADATA", "n: 1.1 => n: 0.9")],
    "metadata that is a link": [
        *(Step("rename", f"{LIB}/METADATA", "@/storage/other/x"), Step("link", f"{LIB}/METADATA", "@/storage/other/x")),
        *(NOTED, Step("remove", "storage/other/x")),
    ],
    "a new script in a bin behind a link": [
        *(Step("relocate", f"{BLOG}/bin"), NOTED, Step("file", f"{BLOG}/bin/x", STALE))
    ],
    "a script": [Step("edit", f"{BLOG}/bin/tool", f"@/src/blog/.venv => @/{BLOG}")],
    "a library that gets a site-packages": [
        *(Step("directory", f"{BLOG}/lib/python3.10"), NOTED),
        Step("file", f"{BLOG}/lib/python3.10/site-packages/lib-0.dist-info/METADATA", "Name: lib\nVersion: 0\n"),
    ],
    "where lib64 leads": [Step("link", "plain/lib64", "@/storage/other"), NOTED, Step("remove", "storage/other")],
    "an entry among includes that becomes a file": [
        *(Step("link", "envs.d/two.toml", "@/storage/other"), NOTED),
        Step("file", "storage/other", '[envs.two]\npath = "two"\n'),
    ],
    "what a shim reads": [
        *(Step("edit", "settings/a/more.toml", "/lead => /shim"), Step("apply"), Step("settle")),
        Step("edit", "pythons/chosen", "opt/python => opt/other"),
    ],
    "an activated environment in a PATH that the manifest names": [
        *(Step("edit", "settings/a/more.toml", "${LEAD} => ${PATH}"), Step("variable", "PATH", "@/pythons"), NOTED),
        Step("variable", "PATH", "@/one/bin:@/pythons"),
    ],
    "the home of an environment with a copy": [
        *COPIED,
        Step("edit", "copied/pyvenv.cfg", "opt\nversion = 3.11 => x\n"),
    ],
    "an environment with a copy that is none any more": [*COPIED, Step("remove", "copied/pyvenv.cfg")],
    "a better name in the home of an environment with a copy": [*COPIED, Step("copy", "opt/python3.11", "opt/python")],
    "a pyvenv.cfg beside an interpreter link": [Step("file", "pythons/pyvenv.cfg", "home = @/opt\n")],
    "a library beside an interpreter link": [Step("directory", "lib"), Step("link", "lib/python3.11", "@/stdlib")],
    "extensions beside an interpreter link": [Step("directory", "lib/python3.11/lib-dynload")],
    "where HOME leads": [Step("link", "home", "@/state/blog")],
    "a tree that is filled": [Step("copy", "pyenvs/a/versions/3.12.99/bin/python", "opt/other")],
    "what a link in a tree leads to": [
        *(
            Step("link", "pyenvs/a/versions/3.12.99/bin/python", "@/opt/new"),
            NOTED,
            Step("copy", "opt/new", "opt/other"),
        ),
    ],
    "what a script in a tree runs": [
        Step("file", "pyenvs/a/versions/3.12.99/bin/python", '#!/bin/sh\nexec "@/opt/new" "$@"\n'),
        *(NOTED, Step("copy", "opt/new", "opt/other")),
    ],
    "where shared libraries are found": [
        *(Step("file", f"libs/libpython{minor}.so.1.0", "none") for minor in ("3.11", "3.12")),
        *(Step("settle"), Step("variable", "LD_LIBRARY_PATH", "@/libs")),
    ],
    "an interpreter that works again": [Step("mode", "pyenvs/a/versions/3.12.98/bin/python", "755")],
    "what a link in PATH leads to": [Step("copy", "opt/later", "opt/other")],
    "where a directory of PATH leads": [Step("link", "bin", "bins/b")],
    "what interpreters said": [Step("edit", "cache/envsync/interpreters", "cpython-311 => cpython-312")],
}
MEANWHILE = {
    "the manifest": "open('@/settings/a/envs.toml', 'a').write('[envs.late]\\npath = \"late\"\\n')",
    "a link to the manifest": "os.unlink('@/dotfiles'); os.symlink('settings/b', '@/dotfiles')",
    "the directory of the manifest": "os.chdir('@/settings'); os.rename('a', 'old'); os.rename('b', 'a')",
    "an included file that goes": "os.unlink('@/more.toml')",
    "an interpreter link": "os.unlink('@/pythons/main'); os.symlink('other', '@/pythons/main')",
    "a link further on": "os.unlink('@/pythons/hop'); os.symlink('@/opt/other', '@/pythons/hop')",
    "the best interpreter": "os.symlink(os.path.realpath('@/plain/bin/python')[:-15], '@/pyenvs/a/versions/3.12')",
    "a requirement": "open('@/src/blog/base.txt', 'a').write('lib>=7\\n')",
    "the directory of a requirement": "os.chdir('@/projects'); os.rename('blog', 'old'); os.rename('golb', 'blog')",
    "an environment": "os.rename('@/plain', '@/nialp')",
}
LATE = {
    **{
        f"{gone} goes": [Step("move", gone)]
        for gone in ("src/blog/.venv", "pythons/main", "src/blog/base.txt", "waited")
    },
    "an exposed command goes": [Step("move", "exposed/app")],
    "an included file goes": [Step("move", "more.toml")],
    "all of a project goes": [Step("move", "projects")],
    "a directory of requirements": [Step("move", "projects/blog"), Step("rename", "projects/golb", "@/projects/blog")],
    "a directory of a manifest": [Step("move", "settings/a"), Step("rename", "settings/b", "@/settings/a")],
    "nothing": [],
}


def called(name: str, *values: object) -> ParameterSet:
    return pytest.param(*values, id=name)


@pytest.mark.sampled(18)
@pytest.mark.parametrize("steps", [called(name, steps) for name, steps in EDGES.items()])
def test_a_change_at_the_edge_of_what_is_looked_at_is_seen(world: World, steps: list[Step]) -> None:
    world.renew()
    for step in steps:
        do(world, step)
        assert step is not NOTED or world.knows()
    assert_same(world, "check", "plan --json")


@pytest.mark.sampled(18)
@pytest.mark.parametrize("code", [called(name, code) for name, code in MEANWHILE.items()])
def test_a_change_while_apply_is_at_work_is_seen(world: World, code: str) -> None:
    world.renew()
    world.during_an_installation(f"import os\n{code}")
    shutil.rmtree(world.cache)
    assert world.envsync("apply").status == 0
    assert not (world.root / "projects/one/hook.py").exists()
    assert_same(world, "check", "plan --json")


@pytest.mark.sampled(18)
@pytest.mark.parametrize("steps", [called(name, steps) for name, steps in LATE.items()])
def test_a_change_between_the_look_and_the_note_of_it_is_seen(
    world: World, steps: list[Step], capfd: pytest.CaptureFixture[str]
) -> None:
    world.renew()
    shutil.rmtree(world.cache)
    take = snapshot.take

    def late(*arguments: object) -> None:
        for step in steps:
            do(world, step)
        take(*arguments)  # type: ignore[arg-type]

    with world.inside(), mock.patch.object(snapshot, "take", late):
        assert main(["check"]) == 0
    capfd.readouterr()
    assert_same(world, "check", "plan --json")


@pytest.mark.sampled(9)
def test_an_interpreter_that_is_replaced_while_it_is_asked_is_asked_again(world: World) -> None:
    world.renew()
    do(world, Step("edit", "settings/a/more.toml", "/lead => /shim"))
    assert world.envsync("apply").status == 0
    do(world, Step("file", "pythons/new", PROGRAM))
    do(world, Step("append", "pythons/chosen", '[ -e "@/pythons/new" ] && mv "@/pythons/new" "@/pythons/shim"\n'))
    do(world, Step("swing", "pythons/shim"))
    world.envsync("check")
    assert not (world.root / "pythons/new").exists()
    world.settle()
    assert_same(world, "check", "plan --json")


@pytest.mark.sampled(9)
def test_the_mask_of_another_pass_does_not_count(world: World) -> None:
    world.renew()
    modes = []
    for words, mask in ((("apply",), 0o077), (("apply",), 0o022), (("apply", "--no-cache"), 0o022)):
        do(world, Step("remove", "plain"))
        command = [sys.executable, "-m", "envsync", *words]
        subprocess.run(command, check=True, capture_output=True, umask=mask, cwd=world.root, env=world.place.variables)
        modes.append({path: path.lstat().st_mode for path in (world.root / "plain").rglob("*")})
    assert modes[1] == modes[2]


@pytest.mark.sampled(9)
def test_uv_that_is_found_no_longer_is_missed(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.renew()
    (wheel,) = (world.root.parent / "wheels").glob("tool-*")
    do(world, Step("file", "all.txt", str(wheel)))
    text = '[envs.u]\npath = "u"\npython = "pythons/main"\nrequirements = ["all.txt"]\n'
    do(world, Step("file", "other.toml", f'version = 1\nstate-dir = "state"\n{text}'))
    do(world, Step("link", "tools/uv", find_uv_bin()))
    with world.inside(), mock.patch.dict(sys.modules, {"uv": None}):
        os.environ["PATH"] = f"{world.root}/tools:/usr/bin"
        for command in ("apply", "check"):
            assert main([command, "--file=other.toml"]) == 0
            time.sleep(0.05)
        os.environ["PATH"] = "/usr/bin"
        cached = fast_answer(["check", "--file=other.toml"])
        assert (cached is not None) == (main(["check", "--file=other.toml", "--no-cache"]) == 0)
    capfd.readouterr()


@pytest.mark.sampled(9)
def test_a_kernel_that_a_marker_names_counts(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.renew()
    do(world, Step("append", "src/blog/base.txt", 'nowhere; platform_release == "new"\n'))
    world.settle()
    assert world.knows()
    new = os.uname_result((*os.uname()[:2], "new", *os.uname()[3:]))
    booted = mock.patch.multiple(os, uname=lambda: new), mock.patch.multiple(platform, release=lambda: "new")
    with world.inside(), booted[0], booted[1]:
        cached = fast_answer(["check"])
        assert (cached is not None) == (main(["check", "--no-cache"]) == 0)
    capfd.readouterr()
