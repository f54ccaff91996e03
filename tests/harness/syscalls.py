"""The command under strace, and the system calls by which it changed something."""

import re
import shutil
import subprocess
import sys

import pytest

from harness.place import Place

MUTATING = (
    *("mkdir", "mkdirat", "rmdir", "rename", "renameat", "renameat2", "unlink", "unlinkat", "symlink", "symlinkat"),
    *("link", "linkat", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "fchownat", "lchown", "utime"),
    *("utimes", "utimensat", "futimesat", "truncate", "ftruncate", "fallocate", "mknod", "mknodat", "setxattr"),
    *("lsetxattr", "fsetxattr", "removexattr", "open", "openat", "creat", "write", "pwrite64", "writev", "sendfile"),
    "copy_file_range",
)


def mutations(trace: str) -> list[str]:
    """Pick from a trace the calls that succeeded in changing something, but output to descriptors 1 and 2.

    Traced with -y, nor what goes to a socket: a signal wakes its own process by one.
    """
    found = []
    for line in trace.splitlines():
        call = re.match(r"(?:\[pid +\d+\] |\d+ +)?(\w+)\((.*)", line)
        if call is None or call[1] not in MUTATING:
            continue
        name, rest = call.groups()
        reading = name in {"open", "openat"} and not re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND", rest)
        spoken = name in {"write", "writev"} and re.match(r"[12](?:<[^>]*>)?,|\d+<(?:socket|UNIX)", rest)
        device = '"/dev/' in rest
        if not (reading or spoken or device):
            found.append(line)
    return found


def trace_of(place: Place, *words: str) -> str:
    """Run the command under strace, and give what it asked the system to do."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace")
    trace = place.root.parent / "trace"
    tracer = [strace, "-f", "-o", str(trace), "-e", f"trace={','.join(f'?{name}' for name in MUTATING)}"]
    done = subprocess.run(
        [*tracer, sys.executable, "-B", "-m", "envsync", *words],
        check=False,
        cwd=place.root,
        env=place.variables,
        capture_output=True,
        text=True,
    )
    if "ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stdout + done.stderr
    return trace.read_text()
