"""Run an interpreter once, bounded in time and output, and read what it reports about itself."""

import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from typing import Any

from envsync.model.dataclass import dataclass
from envsync.model.interpreter import Facts
from envsync.model.system import variables_without
from envsync.observe.processes import started
from envsync.observe.unrunnable import of_refusal

TIME_LIMIT = 10.0
"""Seconds that an interpreter may run."""
OUTPUT_LIMIT = 64 * 1024
"""Bytes that an interpreter may print."""
_MARK = b"envsync:"
"""The beginning of the answer's line: an interpreter may print other lines at its start and its end."""

# Python 2 must be able to run this, so that it is reported as such.
_QUESTION = """
import sys
sys.path[:] = [entry for entry in sys.path if entry]
v = sys.version_info
out = {"version_info": ".".join(map(str, v))}
if v >= (3, 3):
    import os, platform, sysconfig
    get = sysconfig.get_config_var
    def real(name):
        found = getattr(sys, name, None)
        return found if isinstance(found, str) else ""
    soabi = get("SOABI") or "-".join((sys.implementation.cache_tag or "", platform.machine(), sys.platform))
    scheme = "venv" if "venv" in sysconfig.get_scheme_names() else "posix_prefix"
    system = sysconfig.get_platform()
    if system.startswith("macosx-"):  # the oldest macOS that it runs on is no matter, nor what else a fat binary holds
        machine = system.split("-")[-1]
        system = "macosx-" + (platform.machine() if machine.startswith(("fat", "intel", "universal")) else machine)
    try:
        process = os.readlink("/proc/self/exe")
    except OSError:
        process = ""
    platlibdir = getattr(sys, "platlibdir", "lib")
    inside = dict.fromkeys(("base", "platbase", "installed_base", "installed_platbase"), "")
    def site(key, top):
        found = sysconfig.get_path(key, scheme, inside).strip("/")
        if found.endswith("/site-packages") and not found.startswith("local/"):
            return found
        return "%s/python%d.%d%s/site-packages" % (top, v[0], v[1], get("abi_thread") or "")
    out.update(
        implementation=sys.implementation.name, version=platform.python_version(), abi=soabi,
        prefix=sys.prefix, base_prefix=sys.base_prefix, base_exec_prefix=sys.base_exec_prefix,
        executable=real("executable"), base_executable=real("_base_executable"),
        stdlib=os.path.dirname(os.__file__), platlibdir=platlibdir,
        purelib=site("purelib", "lib"), platlib=site("platlib", platlibdir),
        platform=system, process=process,
    )
    import json
    sys.stdout.write("\\nenvsync:" + json.dumps(out) + "\\n")
else:
    sys.stdout.write('\\nenvsync:{"version_info": "%s"}\\n' % out["version_info"])
"""

_WHICH_IMAGE = """
import json, os, sys
try:
    image = os.readlink("/proc/self/exe")
except (AttributeError, OSError):
    image = sys.executable
sys.stdout.write("\\nenvsync:" + json.dumps({"image": image}) + "\\n")
"""


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What an interpreter reports."""

    facts: Facts
    prefix: str
    """``sys.prefix``: in a virtual environment another than ``facts.base_prefix``."""
    executable: str
    """``sys.executable``."""
    base_executable: str
    """``sys._base_executable``; may be empty."""
    process: str
    """The program that answered, as reported by the kernel; empty if unknown."""

    def is_named(self, given: str, end: str) -> bool:
        """Check whether it has the name that it was ``given``, or that of the file ``end``.

        A program that runs another one does not pass its given name on. PyPy has none if the given one does not exist.
        """
        name = os.path.basename(self.executable)
        return name in {"", os.path.basename(given)} or is_same_file(self.executable, end)

    def is_from(self, given: str, end: str) -> bool:
        """Check whether the file ``end`` itself answered, as far as known, and no other program that it runs."""
        return self.is_named(given, end) and (not self.process or is_same_file(self.process, end))


class ProbeError(Exception):
    """An interpreter gave no usable answer; the message is a clause: ``it did not answer within 10 seconds``."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        may_be_misplaced: bool = False,
        may_be_misnamed: bool = False,
        timed_out: bool = False,
    ) -> None:
        super().__init__(message)
        self.hint = hint
        self.timed_out = timed_out
        """Whether it was killed at the time limit."""
        self.may_be_misplaced = may_be_misplaced
        """Whether it failed at once, as Python does without its standard library."""
        self.may_be_misnamed = may_be_misplaced or may_be_misnamed
        """Whether it ended by itself, as a program may that depends on its name and was given another."""


def probe(executable: str, *, as_if: str | None = None) -> ProbeAnswer:
    """Return what ``executable`` reports, run isolated and without site. Raises ``ProbeError``.

    ``as_if`` is passed as its name (``argv[0]``): Python searches for its standard library from there, as from ``home``
    in a virtual environment (PEP 405).
    """
    # Not -I, which Python 2 does not know.
    arguments = [as_if or executable, "-E", "-s", "-S", "-c", _QUESTION]
    answer = listen(arguments, _environment(), executable=executable)
    try:
        return _read(answer, executable)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _senseless(str(answer).encode(errors="replace")) from error


def listen(
    arguments: list[str], environment: Mapping[str, str], *, executable: str | None = None, limit: float | None = None
) -> dict[str, Any]:
    """Return the JSON object that an interpreter prints after ``envsync:`` on its last line with that beginning.

    ``limit`` is in seconds, by default ``TIME_LIMIT``. Raises ``ProbeError``.
    """
    status, output, errors = _run(arguments, environment, executable or arguments[0], limit or TIME_LIMIT)
    lines = [line for line in output.splitlines() if line.startswith(_MARK)]
    if status != 0:
        raise ProbeError(f"it {_death(status)}{_tail(errors or output)}", may_be_misplaced=True)
    if not lines:
        raise ProbeError(f"it did not answer as Python does{_tail(output or errors)}", may_be_misnamed=True)
    try:
        answer = json.loads(lines[-1].removeprefix(_MARK))
    except (ValueError, RecursionError) as error:
        raise _senseless(output) from error
    if not isinstance(answer, dict):
        raise _senseless(output)
    return answer


def is_same_file(first: str, second: str) -> bool:
    """Check whether two paths lead to one file; not if either cannot be looked at."""
    try:
        return os.path.samefile(first, second)
    except (OSError, ValueError):
        return False


def _senseless(output: bytes) -> ProbeError:
    return ProbeError(f"its answer makes no sense{_tail(output)}")


def image_of(executable: str) -> str:
    """Return the real path of the program that runs when ``executable`` is started: of a wrapper, what it starts.

    Without ``/proc`` (macOS) it is ``sys.executable``. Raises ``ProbeError``.
    """
    answer = listen([executable, "-E", "-s", "-S", "-c", _WHICH_IMAGE], _environment())
    return os.path.realpath(str(answer.get("image")))


def _environment() -> dict[str, str]:
    return variables_without("PYTHON", "_PYTHON", "__PYVENV")


def _read(answer: dict[str, Any], executable: str) -> ProbeAnswer:
    version_info = str(answer["version_info"])
    major, minor = (int(part) for part in version_info.split(".")[:2])
    if (major, minor) < (3, 7):
        version = ".".join(version_info.split(".")[:3])
        hint = "Point `python` to a newer one. The environment is left as it is."
        raise ProbeError(f"it is Python {version}; environments need 3.7 or later", hint=hint)
    text = {key: str(value) for key, value in answer.items()}
    if any("\n" in path or "\r" in path for path in (executable, os.path.realpath(executable), *text.values())):
        raise ProbeError("its path contains a line break, which pyvenv.cfg cannot hold")
    facts = Facts(
        version=text["version"],
        implementation=text["implementation"],
        abi=text["abi"],
        base_prefix=text["base_prefix"],
        base_exec_prefix=text["base_exec_prefix"],
        executable=os.path.realpath(executable),
        stdlib=text["stdlib"],
        purelib=text["purelib"],
        platlib=text["platlib"],
        platlibdir=text["platlibdir"],
        version_info=version_info,
        platform=text.get("platform", ""),
    )
    return ProbeAnswer(facts, text["prefix"], text["executable"], text["base_executable"], text.get("process", ""))


def _run(
    arguments: list[str], environment: Mapping[str, str], executable: str, limit: float
) -> tuple[int, bytes, bytes]:
    try:
        with started(arguments, environment, executable=executable) as process:
            return _collect(process, limit)
    except OSError as error:
        why, hint = of_refusal(executable, error)
        raise ProbeError(f"it cannot be run: {why}", hint=hint) from error


def _collect(process: "subprocess.Popen[bytes]", limit: float) -> tuple[int, bytes, bytes]:
    assert process.stdout is not None  # noqa: S101  # both are pipes, as asked for
    assert process.stderr is not None  # noqa: S101
    gathered: dict[int, bytearray] = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    deadline = time.monotonic() + limit
    with selectors.DefaultSelector() as selector:
        for stream in gathered:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise ProbeError(f"it did not answer within {limit:g} seconds", timed_out=True)
            for key, _ in ready:
                chunk = os.read(key.fd, 65536)
                gathered[key.fd] += chunk
                if not chunk:
                    selector.unregister(key.fd)
            if sum(map(len, gathered.values())) > OUTPUT_LIMIT:
                raise ProbeError(f"it printed more than {OUTPUT_LIMIT // 1024} KiB")
    try:
        status = process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise ProbeError(f"it did not end within {limit:g} seconds", timed_out=True) from error
    output, errors = gathered.values()
    return status, bytes(output), bytes(errors)


def _death(status: int) -> str:
    if status < 0:
        try:
            return f"died of {signal.Signals(-status).name}"
        except ValueError:
            return f"died of signal {-status}"
    return f"ended with exit status {status}"


def _tail(output: bytes) -> str:
    """Return the last printed line, quoted, after a colon; empty if nothing was printed."""
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    return f": {lines[-1][:200]!r}" if lines else ""
