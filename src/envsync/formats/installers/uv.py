"""uv: https://docs.astral.sh/uv/reference/cli/."""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any, ClassVar

from envsync.formats.installers.command import STDIN, AnswerError, Command, Job, Step, inherited
from envsync.model.dataclass import dataclass
from envsync.model.packages import Call, Sync

_LEFT_OUT = (
    *("UV_PYTHON", "UV_PYTHON_PREFERENCE", "UV_PYTHON_PLATFORM", "UV_SYSTEM_PYTHON", "UV_BREAK_SYSTEM_PACKAGES"),
    *("UV_FROZEN", "UV_LOCKED", "UV_ISOLATED", "UV_ACTIVE", "UV_NO_VERIFY_HASHES", "UV_EXCLUDE", "UV_DRY_RUN"),
    *("UV_TARGET", "UV_PREFIX", "UV_UPGRADE", "UV_REINSTALL", "UV_NO_DEPS", "UV_NO_INSTALLER_METADATA"),
)
"""Variables that say what to leave out, where to install, or which Python to take: the manifest says that."""
_FAMILIES = (
    *("UV_ALL_", "UV_DEV", "UV_NO_DEV", "UV_NO_DEFAULT_", "UV_NO_EDITABLE", "UV_NO_GROUP", "UV_NO_INSTALL_"),
    *("UV_NO_MANAGED", "UV_NO_PROJECT", "UV_NO_SOURCES", "UV_NO_SYNC", "UV_MANAGED_", "UV_ONLY_", "UV_PROJECT"),
    *("UV_WORKING_DIR", "UV_VENV_"),
)
"""How the names of further ones begin."""
_KEPT = {
    "UV_PYTHON_PREFERENCE": "system",  # "only-managed" of the user's own settings would refuse the Python given
    "UV_PYTHON_DOWNLOADS": "never",
    "UV_NO_PROGRESS": "1",
}
_LINE = re.compile(r"^ (?P<sign>[-+~]) (?P<name>[A-Za-z0-9._-]+)(?:==(?P<version>\S+))?(?: .*)?$", re.MULTILINE)
"""How releases before 0.12.24, which have no JSON for it, write a step: `` + flask==3.1.3``."""


@dataclass(frozen=True, slots=True)
class Uv:
    """uv as ``uv pip`` and ``uv sync``."""

    binary: str
    says_json: bool = True
    """Whether it says as JSON what it would do; releases before 0.12.24 do not."""
    name: ClassVar[str] = "uv"
    oldest: ClassVar[tuple[int, int]] = (3, 8)
    reads_projects: ClassVar[bool] = True
    tells_all: ClassVar[bool] = True
    upgrades_some: ClassVar[bool] = True
    marks_all: ClassVar[bool] = True

    def install(self, place: str, call: Call | Sync, job: Job) -> Command:
        """Return what installs."""
        if isinstance(call, Sync):
            return self._command(place, self._sync(place, call, job), call.project, replace(job, index=()))
        lines = call.lines or job.constraints
        return self._command(place, ["pip", "install", *self._pip(place, call, job)], call.directory, job, lines)

    def ask(self, place: str, call: Call | Sync, job: Job) -> Command:
        """Return what says what an installation would change."""
        asked = self.install(place, call, job)
        more = ["--dry-run", *(["--offline"] if job.offline else [])]
        more += ["--output-format", "json"] if self.says_json else []
        return Command((*asked.arguments, *more), asked.directory, asked.environment, asked.lines)

    def steps(self, output: str, messages: str) -> tuple[Step, ...]:
        """Read the answer to :meth:`ask`. Raises ``AnswerError``."""
        if not self.says_json:
            return tuple(_read_lines(messages))
        try:
            document = json.loads(output)
            changes = document["changes"] if "changes" in document else document["sync"]["changes"]
            return tuple(_read_change(change) for change in changes)
        except (ValueError, KeyError, TypeError) as error:
            raise AnswerError(f"uv answered in a way that is not known ({error!r})") from error

    def uninstall(self, place: str, names: tuple[str, ...]) -> Command:
        """Return what removes distributions."""
        return self._command(place, ["pip", "uninstall", "--python", f"{place}/bin/python", "--", *names], "/", Job())

    def check(self, place: str) -> Command:
        """Return what fails where the requirements of installed packages are not met."""
        return self._command(place, ["pip", "check", "--python", f"{place}/bin/python"], "/", Job())

    def older(self) -> "Uv | None":
        """Return the same as a release before 0.12.24."""
        return replace(self, says_json=False) if self.says_json else None

    def trial(self, place: str) -> Command:
        """Return what fails where uv cannot work with the environment's Python at all: it refuses one that prints."""
        return self._command(place, ["pip", "list", "--offline", "--python", f"{place}/bin/python"], "/", Job())

    @staticmethod
    def restated(options: Collection[tuple[str, str]]) -> Iterator[str]:
        """Return the words for options that uv passes over in requirements files."""
        if ("--pre", "") in options:
            yield "--prerelease=allow"
        for host in dict.fromkeys(value for name, value in options if name == "--trusted-host"):
            yield f"--allow-insecure-host={host}"

    def _pip(self, place: str, call: Call, job: Job) -> Iterator[str]:
        yield from ("--python", f"{place}/bin/python")
        if job.upgrade and not job.only:
            yield "--upgrade"
        for name in job.only:
            yield f"--upgrade-package={name}"
        for name in job.reinstall:
            yield f"--reinstall-package={name}"
        if job.exact:
            yield "--exact"
        if not call.dependencies and not call.alone:
            yield "--no-deps"
        yield from call.arguments
        if call.lines:
            yield from ("-r", STDIN)
            yield from self.restated([(name, value) for name, _, value in (one.partition(" ") for one in call.lines)])
        elif job.constraints and not call.alone:
            yield from ("-c", STDIN)

    def _sync(self, place: str, call: Sync, job: Job) -> list[str]:
        inexact = [] if job.exact else ["--inexact"]
        again = [f"--reinstall-package={name}" for name in job.reinstall]
        python = ["--project", call.project, "--python", f"{place}/bin/python"]
        return ["sync", "--locked", *python, *inexact, *again, *call.options]

    def _command(
        self, place: str, arguments: list[str], directory: str, job: Job, lines: tuple[str, ...] = ()
    ) -> Command:
        variables = _KEPT | {"UV_PROJECT_ENVIRONMENT": place}
        # The user's own settings come before what a requirements file says, unless they are overruled.
        own = next((line.split(maxsplit=1)[1] for line in job.index if line.startswith("--index-url ")), None)
        if own is not None:
            variables |= {"UV_DEFAULT_INDEX": own}
        if not job.cached:
            variables |= {"UV_NO_CACHE": "1", "UV_LINK_MODE": "copy"}
        return Command((self.binary, *arguments), directory, inherited(_LEFT_OUT, _FAMILIES) | variables, lines)


def _read_change(change: dict[str, Any]) -> Step:
    known = {"installed": True, "uninstalled": False, "reinstalled": True}
    return Step(change["name"], change.get("version"), known[change["action"]])


def _read_lines(messages: str) -> Iterator[Step]:
    for match in _LINE.finditer(messages):
        if match["sign"] == "~":
            yield Step(match["name"], match["version"], installs=False)
        yield Step(match["name"], match["version"], installs=match["sign"] != "-")
