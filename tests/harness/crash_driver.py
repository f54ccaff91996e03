"""Run the command over and over in forks of one process that has loaded it, and do it harm where a request says so.

A process of its own. Each line that it reads is a request, each line that it writes the answer.
"""

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import envsync

_LOADED = (
    "rich.console",
    "uv",
    "virtualenv.create.via_global_ref.venv",
    "virtualenv.seed.embed.via_app_data.via_app_data",
)
"""What envsync loads from others when it needs it."""
_EVENTS = frozenset(
    {"os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate"}
    | {"os.utime", "os.setxattr", "fcntl.flock", "subprocess.Popen"}
)
_FUNCTIONS = ("fsync", "fdatasync", "write", "pwrite")
"""Mutating functions of ``os`` that Python has no audit event for."""
_SYMBOLS = frozenset({"renameat2", "renameatx_np", "syncfs"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Counter:
    """Counts the mutating calls of this process, and does ``harm`` right before the one with the given number."""

    def __init__(self, number: int, reported: int, harm: Callable[[], None]) -> None:
        self.number, self.reported, self.harm, self.count = number, reported, harm, 0
        self.lock = threading.RLock()  # what harm calls is counted as well

    def begin(self) -> None:
        for name in _FUNCTIONS:
            setattr(os, name, self._counted(name, getattr(os, name)))
        sys.addaudithook(self._audit)

    def _counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            if name != "write" or arguments[0] != self.reported:
                self._step(f"{name} {arguments[0]}")
            return function(*arguments)

        return counted

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _EVENTS:
            self._step(f"{event} {arguments[:2]}")
        elif event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
            if not str(arguments[0]).startswith("/dev/"):
                self._step(f"open {arguments[0]!r}")
        elif event == "ctypes.dlsym" and arguments[1] in _SYMBOLS:
            self._step(str(arguments[1]))

    def _step(self, call: str) -> None:
        with self.lock:
            self.count += 1
            os.write(self.reported, f"{call}\n".encode(errors="replace"))
            if self.count == self.number:
                self.count += 1 << 32  # what the harm itself calls does not count
                self.harm()


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _replace(place: str, victim: str) -> None:
    """Be somebody who may write beside a directory: put a symlink to another one in its place.

    With ``*`` as its name it is a staging directory, if there is any.
    """
    parent, name = os.path.split(place)
    if name == "*":
        name = next((one for one in os.listdir(parent) if one.startswith(".envsync-") and "away" not in one), "")
    if name:
        os.rename(f"{parent}/{name}", f"{parent}/{name}-away")
        os.symlink(victim, f"{parent}/{name}")


def _command(request: dict[str, Any], files: list[int]) -> None:
    """Be the command, in a group of its own, with the three files for its output, its errors and its calls."""
    os.setsid()
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["variables"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(files[0], 1)
    os.dup2(files[1], 2)
    sys.argv = ["envsync", *request["arguments"]]
    status = 1
    try:
        if request["watched"]:
            harm = partial(_replace, *request["replace"]) if request["replace"] else _kill
            Counter(request["kill"], files[2], harm).begin()
        status = sys.modules["envsync.__main__"].main()
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        if sys.exc_info()[0] is not None:
            sys.excepthook(*sys.exc_info())
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _serve(request: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as calls:
        files = [out.fileno(), err.fileno(), calls.fileno()]
        process = os.fork()
        if process == 0:
            _command(request, files)
        _, ended = os.waitpid(process, 0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)  # what it had started ends with it
        texts = [os.pread(file, 1 << 24, 0).decode(errors="surrogateescape") for file in files]
    return {"status": os.waitstatus_to_exitcode(ended), "out": texts[0], "err": texts[1], "calls": texts[2]}


def main() -> None:
    for name in (*_LOADED, *(module.name for module in pkgutil.walk_packages(envsync.__path__, "envsync."))):
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        print(json.dumps(_serve(json.loads(line))), flush=True)  # noqa: T201  # the answer


if __name__ == "__main__":
    main()
