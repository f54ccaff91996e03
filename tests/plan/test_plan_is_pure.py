"""Planning looks at nothing: every case of these tables comes out the same where the machine cannot be asked."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
MODULES = ("test_plan_decide", "test_plan_compare", "test_plan_conflicts", "test_plan_packages")
ENOUGH = 100

PROGRAM = f"""
import builtins, hashlib, io, os, socket, subprocess, sys, time, urllib.parse
import packaging.markers, packaging.specifiers
import envsync.formats.installers
from importlib import import_module

modules = [import_module(name) for name in {MODULES!r}]
cases = [one for module in modules for name in ("CASES", "REASONS", "PAIRS") for one in getattr(module, name, ())]

def refused(*arguments, **options):
    raise AssertionError("the machine was looked at")

class Refusing:
    __getattr__ = __getitem__ = __contains__ = __iter__ = __len__ = refused

write = sys.stdout.write
for name in ("access", "getcwd", "listdir", "lstat", "open", "readlink", "scandir", "stat", "statvfs", "walk"):
    setattr(os, name, refused)
for name in ("exists", "isdir", "isfile", "islink", "lexists", "realpath"):
    setattr(os.path, name, refused)
os.environ = os.environb = Refusing()
os.getenv = builtins.open = io.open = subprocess.Popen = subprocess.run = socket.socket = refused
time.time = time.time_ns = refused
if "--look" in sys.argv:
    open("/etc/hostname")
wrong = [case.name for case in cases if case.run() != case.expected]
write(f"{{len(cases)}} {{wrong}}")
sys.stdout.flush()
os._exit(0)
"""


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    path = os.pathsep.join((str(HERE), str(HERE.parent), str(HERE.parents[1] / "src")))
    command = [sys.executable, "-c", PROGRAM, *arguments]
    variables = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=variables)


def test_planning_looks_at_nothing() -> None:
    done = run()
    assert done.returncode == 0, done.stderr
    count, _, wrong = done.stdout.partition(" ")
    assert wrong == "[]"
    assert int(count) >= ENOUGH


def test_that_would_show() -> None:
    done = run("--look")
    assert "the machine was looked at" in done.stderr
