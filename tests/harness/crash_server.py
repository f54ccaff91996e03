"""The other end of ``crash_driver``."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Done:
    status: int
    out: str
    err: str
    calls: list[str] = field(default_factory=list)
    """The mutating calls that were begun."""


class Server:
    """Runs the command in forks of a process that has loaded it, which takes a third of the time."""

    def __init__(self, variables: dict[str, str]) -> None:
        driver = str(Path(__file__).with_name("crash_driver.py"))
        self._process = subprocess.Popen(
            [sys.executable, "-B", driver], env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self,
        directory: Path,
        arguments: tuple[str, ...],
        variables: dict[str, str],
        kill: int | None = None,
        replace: tuple[str, str] | None = None,
    ) -> Done:
        """Run the command in a directory.

        Before its mutating call number ``kill`` it is killed, or the first directory of ``replace`` is exchanged for a
        symlink to the second.
        """
        request: dict[str, Any] = {"directory": str(directory), "arguments": arguments, "watched": kill is not None}
        request |= {"kill": kill or 0, "variables": variables, "replace": replace}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return Done(answer["status"], answer["out"], answer["err"], answer["calls"].splitlines())

    def close(self) -> None:
        self._process.communicate(timeout=60)
