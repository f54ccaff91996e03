"""Run an interpreter once, bounded in time and output, and take down what it says of itself."""

import json
import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from envsync.model.interpreter import Facts
from envsync.model.system import variables_without
from envsync.observe.processes import started

TIME_LIMIT = 10.0
"""Seconds that an interpreter gets."""
OUTPUT_LIMIT = 64 * 1024
"""Bytes that an interpreter may print."""
_MARK = b"envsync:"
"""What an answer begins with: a base may print lines of its own at its start and its end."""

# Python 2 must be able to run this, so that it can be told apart from garbage.
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
    """An interpreter's answer."""

    facts: Facts
    prefix: str
    """Differs from ``facts.base_prefix`` in a virtual environment."""
    executable: str
    """Its own name for itself."""
    base_executable: str
    """The executable of the base interpreter, as it sees it; may be empty."""
    process: str
    """The program that really answered, as the kernel names it; empty where it does not."""

    def goes_by(self, told: str, end: str) -> bool:
        """Check whether it takes the name ``told`` for its own, or calls itself by that of the file ``end``.

        What a program that runs another one was told does not reach that other one. PyPy has no name where it was told
        one at which nothing is.
        """
        name = os.path.basename(self.executable)
        return name in {"", os.path.basename(told)} or is_same_file(self.executable, end)

    def is_from(self, told: str, end: str) -> bool:
        """Check whether the file ``end`` itself answered, as far as can be known, and no other that it runs."""
        return self.goes_by(told, end) and (not self.process or is_same_file(self.process, end))


class ProbeError(Exception):
    """The interpreter gave no usable answer; the message is a clause that says what it did instead."""

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
        """Whether it had to be ended."""
        self.may_be_misplaced = may_be_misplaced
        """Whether it started but failed at once, as Python does where it does not find its standard library."""
        self.may_be_misnamed = may_be_misplaced or may_be_misnamed
        """Whether it ended by itself, as a program does that goes by its name and was started by another one."""


def probe(executable: str, *, as_if: str | None = None) -> ProbeAnswer:
    """Run ``executable`` isolated, without site, and return its answer.

    ``as_if`` is the path that it is told it was started by: Python looks for its standard
    library from there, just as it does from ``home`` in a virtual environment (PEP 405).
    Raises ``ProbeError``.
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
    """Run an interpreter with a question, and return what it writes on a line of its own that begins with a mark.

    The mark is ``envsync:``, a JSON object follows. ``limit`` is in seconds, by default ``TIME_LIMIT``.
    Raises ``ProbeError``.
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


def is_same_file(one: str, other: str) -> bool:
    """Check whether two paths lead to one file; what cannot be looked at does not."""
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False


def _senseless(output: bytes) -> ProbeError:
    return ProbeError(f"its answer makes no sense{_tail(output)}")


def remedy(link: str) -> str:
    """Say what to do about a link that does not work, where nothing better is known."""
    return f"Try it: {shlex.quote(link)} -c 'print(1)'. The environment is left as it is until the link works."


def image_of(executable: str) -> str:
    """Return the real path of the program that runs as Python when ``executable`` is started.

    A wrapper that starts another program gives that one's. Where the system does not tell (macOS), it is what Python
    takes for its executable. Raises ``ProbeError``.
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
        raise ProbeError("its path has a line break in it, which pyvenv.cfg cannot hold")
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
        raise ProbeError(f"it cannot be run: {error.strerror}") from error


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
    """Quote the last line of what was printed, if anything was."""
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    return f": {lines[-1][:200]!r}" if lines else ""
