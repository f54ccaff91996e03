"""pip: https://pip.pypa.io/en/stable/cli/."""

import json
import os
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import ClassVar

from envsync.formats.installers.command import STDIN, AnswerError, Command, Job, Step, inherited
from envsync.model.dataclass import dataclass
from envsync.model.packages import Call, Sync

_LEFT_OUT = (
    *("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PIP_USER", "PIP_REQUIRE_VIRTUALENV", "PIP_REPORT"),
    *("PIP_REQUIREMENT", "PIP_EDITABLE", "PIP_GROUP", "PIP_UPGRADE_STRATEGY", "PIP_QUIET", "PIP_VERBOSE", "PIP_LOG"),
)
"""Variables that say where to install, or what: the manifest says that."""
_OVERRULED = (
    "PIP_DRY_RUN",
    "PIP_NO_DEPS",
    "PIP_ONLY_DEPS",
    "PIP_UPGRADE",
    "PIP_FORCE_REINSTALL",
    "PIP_IGNORE_INSTALLED",
)
"""What a pip.conf may say as well; the command line can say it, but not the opposite."""
_SETTINGS = {
    **dict.fromkeys(_OVERRULED, "0"),
    "PIP_NO_WARN_SCRIPT_LOCATION": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
}
_RUNNER = "__pip-runner__.py"
"""Since 22.2: runs pip on another Python, on whose path it does not stand; ``--report`` came with it."""


@dataclass(frozen=True, slots=True)
class Pip:
    """pip from a directory of its own, run by the environment's Python, in which it does not count as installed."""

    home: str
    """The directory that holds the package ``pip``."""
    name: ClassVar[str] = "pip"
    oldest: ClassVar[tuple[int, int]] = (2, 7)
    reads_projects: ClassVar[bool] = False
    tells_all: ClassVar[bool] = False
    upgrades_some: ClassVar[bool] = False
    marks_all: ClassVar[bool] = False

    def install(self, place: str, call: Call | Sync, job: Job) -> Command:
        """Return what installs."""
        if isinstance(call, Sync):  # the reader refuses it before
            raise AnswerError("pip does not read uv.lock")
        # Byte code names the directory it was compiled in; Python writes it when it is first needed.
        # A pip.conf may send packages elsewhere: the command line overrules it, and nothing else does.
        here = ["--no-user", "--target=", f"--prefix={place}", "--root=/"]
        arguments = ["install", "--no-compile", *here, *_install(call, job)]
        return self._command(place, arguments, call.directory, job, call.lines or job.constraints)

    def ask(self, place: str, call: Call | Sync, job: Job) -> Command | None:
        """Return what says what an installation would change; ``None`` for a pip before 22.2, which cannot say."""
        if self._runner() is None:
            return None
        # It cannot say what the upgrade of some packages would bring, but what that of all would.
        asked = self.install(place, call, replace(job, only=()))
        more = ["--dry-run", "--quiet", "--report", "-", *(["--no-index"] if job.offline else [])]
        more += ["--ignore-installed"] if job.exact else []
        return Command((*asked.arguments, *more), asked.directory, asked.environment, asked.lines)

    def steps(self, output: str, messages: str) -> tuple[Step, ...]:
        """Read the answer to :meth:`ask`. Raises ``AnswerError``."""
        del messages
        try:
            items = json.loads(output)["install"]
            return tuple(
                Step(
                    item["metadata"]["name"],
                    item["metadata"]["version"],
                    installs=True,
                    direct=item["download_info"] if item["is_direct"] else {},
                )
                for item in items
            )
        except (ValueError, KeyError, TypeError) as error:
            raise AnswerError(f"pip answered in a way that is not known ({error!r})") from error

    def older(self) -> None:
        """Return nothing: a release that cannot say as JSON what it would change cannot say it at all."""

    def trial(self, place: str) -> None:
        """Return nothing: it runs on the environment's own Python."""

    @staticmethod
    def restated(options: Collection[tuple[str, str]]) -> Iterator[str]:
        """Return nothing: it heeds every option in a file."""
        del options
        yield from ()

    def uninstall(self, place: str, names: tuple[str, ...]) -> Command:
        """Return what removes distributions."""
        return self._command(place, ["uninstall", "--yes", "--", *names], "/", Job())

    def check(self, place: str) -> Command:
        """Return what fails where the requirements of installed packages are not met."""
        return self._command(place, ["check"], "/", Job())

    def _runner(self) -> str | None:
        runner = f"{self.home}/pip/{_RUNNER}"
        return runner if os.path.isfile(runner) else None

    def _command(
        self, place: str, arguments: list[str], directory: str, job: Job, lines: tuple[str, ...] = ()
    ) -> Command:
        run = (f"{place}/bin/python", self._runner() or f"{self.home}/pip")
        variables = _SETTINGS | ({} if job.cached else {"PIP_NO_CACHE_DIR": "1"})
        return Command((*run, *arguments), directory, inherited(_LEFT_OUT) | variables, lines)


def _install(call: Call, job: Job) -> Iterator[str]:
    if job.upgrade and not job.only:
        yield from ("--upgrade", "--upgrade-strategy", "eager")
    if not call.dependencies:
        yield "--no-deps"
    yield from call.arguments
    if call.lines:
        yield from ("-r", STDIN)
    elif job.constraints:
        yield from ("-c", STDIN)
