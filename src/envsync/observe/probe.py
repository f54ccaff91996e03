"""Run an interpreter once, bounded in time and output, and take down what it says of itself."""

import json
import os
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from envsync.observed import Facts

__all__ = ["OUTPUT_LIMIT", "TIME_LIMIT", "ProbeError", "Said", "probe"]

TIME_LIMIT = 10.0
"""Seconds that an interpreter gets."""
OUTPUT_LIMIT = 64 * 1024
"""Bytes that an interpreter may print."""

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
    )
    import json
    sys.stdout.write("envsync:" + json.dumps(out) + "\\n")
else:
    sys.stdout.write('envsync:{"version_info": "%s"}\\n' % out["version_info"])
"""


@dataclass(frozen=True, slots=True)
class Said:
    """An interpreter's answer."""

    facts: Facts
    prefix: str
    """Differs from ``facts.base_prefix`` in a virtual environment."""
    executable: str
    """Its own name for itself."""
    base_executable: str
    """The executable of the base interpreter, as it sees it; may be empty."""


class ProbeError(Exception):
    """The interpreter gave no usable answer; the message is a clause that says what it did instead."""

    def __init__(self, message: str, *, hint: str = "", may_be_misplaced: bool = False) -> None:
        super().__init__(message)
        self.hint = hint
        self.may_be_misplaced = may_be_misplaced
        """Whether it started but failed at once, as Python does where it does not find its standard library."""


def probe(executable: str, *, as_if: str | None = None) -> Said:
    """Run ``executable`` isolated, without site, and return its answer.

    ``as_if`` is the path that it is told it was started by: Python looks for its standard
    library from there, just as it does from ``home`` in a virtual environment (PEP 405).
    Raises ``ProbeError``.
    """
    status, output, errors = _run(executable, as_if or executable)
    lines = [line for line in output.splitlines() if line.startswith(b"envsync:")]
    if status != 0:
        raise ProbeError(f"it {_death(status)}{_tail(errors or output)}", may_be_misplaced=True)
    if not lines:
        raise ProbeError(f"it did not answer as Python does{_tail(output or errors)}")
    try:
        return _read(json.loads(lines[-1].removeprefix(b"envsync:")), executable)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ProbeError(f"its answer makes no sense{_tail(output)}") from error


def _read(answer: dict[str, Any], executable: str) -> Said:
    version_info = str(answer["version_info"])
    major, minor = (int(part) for part in version_info.split(".")[:2])
    if (major, minor) < (3, 7):
        version = ".".join(version_info.split(".")[:3])
        hint = "Point `python` to a newer one. The environment is left as it is."
        raise ProbeError(f"it is Python {version}; environments need 3.7 or later", hint=hint)
    text = {key: str(value) for key, value in answer.items()}
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
    )
    return Said(facts, text["prefix"], text["executable"], text["base_executable"])


def _run(executable: str, as_if: str) -> tuple[int, bytes, bytes]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "__PYVENV"))}
    try:
        process = subprocess.Popen(
            [as_if, "-E", "-s", "-S", "-c", _QUESTION],  # not -I, which Python 2 does not know
            executable=executable,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd="/",
            start_new_session=True,  # so that what it starts can be ended with it
        )
    except OSError as error:
        raise ProbeError(f"it cannot be run: {error.strerror}") from error
    with process:
        try:
            return _collect(process)
        except BaseException:
            if process.returncode is None:  # not reaped, so its number cannot be another's by now
                os.killpg(process.pid, signal.SIGKILL)
            raise


def _collect(process: "subprocess.Popen[bytes]") -> tuple[int, bytes, bytes]:
    assert process.stdout is not None  # noqa: S101  # both are pipes, as asked for
    assert process.stderr is not None  # noqa: S101
    gathered: dict[int, bytearray] = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    deadline = time.monotonic() + TIME_LIMIT
    with selectors.DefaultSelector() as selector:
        for stream in gathered:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise ProbeError(f"it did not answer within {TIME_LIMIT:g} seconds")
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
        raise ProbeError(f"it did not end within {TIME_LIMIT:g} seconds") from error
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
