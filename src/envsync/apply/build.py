"""Build environments in staging directories: each kind once with a builder, then from its template."""

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from envsync.apply.progress import Progress, work_on
from envsync.apply.settings import Settings
from envsync.apply.staging import marker_of, staging_of
from envsync.apply.template_store import FirstRun, TemplateStore
from envsync.apply.templates import (
    PathLeftError,
    Template,
    activation_scripts,
    kind_of,
    make_template,
    plain_scripts,
    render,
)
from envsync.cache.store import Cache
from envsync.formats import pyvenv_cfg
from envsync.formats.activation import is_plain
from envsync.formats.staging_marker import BUILT
from envsync.model.blueprint import Blueprint
from envsync.model.evidence import Evidence
from envsync.model.install import InstallSpec
from envsync.model.plan import Create, EnvironmentPlan
from envsync.model.problems import EnvsyncError, Problem
from envsync.observe.files import Digests
from envsync.observe.processes import temporary_files_in
from envsync.write.directories import Root
from envsync.write.files import edit_inner_file, make_directories, write_cache
from envsync.write.locks import hold_sources
from envsync.write.rename import has_symlinks
from envsync.write.staging import make_staging_dir, remove_scratch, remove_staging_dir
from envsync.write.trees import make_scratch

if TYPE_CHECKING:
    from envsync.apply.alike import Alike
    from envsync.model.packages import Change
    from envsync.model.world import Backend


_PAUSE = 3600.0
"""Seconds until a further attempt for the same environment."""
_IN_VAIN = "retries"
_CODES = frozenset({"install-failed", "package-missing", "not-converged"})
"""Failures that a damaged cache can lead to."""


class Retries:
    """Knows which attempts without a cache were in vain: in this pass, and of late."""

    def __init__(self, cache: Cache) -> None:
        """Take what earlier passes found."""
        self._cache = cache
        self._in_vain = False

    def is_worthwhile(self, end: str, code: str) -> bool:
        """Check whether to try again for the environment at ``end``, which has failed with a code."""
        return code in _CODES and not self._in_vain and self._cache.get(_IN_VAIN, end, _recent) is None

    def note_failure(self, end: str) -> None:
        """Remember that an attempt without a cache has failed as well."""
        self._in_vain = True
        self._cache.put(_IN_VAIN, end, time.time(), Evidence())


def _recent(when: float) -> float | None:
    return when if 0 <= time.time() - when < _PAUSE else None


_TEMPORARY = threading.RLock()
"""Held while the directory of temporary files, which all threads share, is another one."""
BUILD_LIMIT = 3600.0
"""Seconds to wait for another pass that builds from the same sources."""


class EnvironmentBuilder:
    """Builds environments for one pass; what several of them share is done once."""

    def __init__(self, settings: Settings, progress: Progress, plans: Iterable[EnvironmentPlan]) -> None:
        """Take where things are kept, whether to use what earlier passes built, what follows the work, and all of it.

        What several environments install alike is installed once.
        """
        self.progress = progress
        self.begun: dict[str, None] = {}
        """The names of the environments on which work has begun, in that order."""
        self._app_data = f"{settings.cache}/virtualenv"
        self._logs = settings.logs
        self._generations_dir = settings.generations_dir
        self._locks = settings.locks
        self.staging = staging_of(settings)
        self.cache = Cache(settings.cache if settings.remembers else None)
        """What earlier passes found, and this one adds; to be saved at its end."""
        self.digests = Digests()
        """Of files that were installed and found sound."""
        self.retries = Retries(self.cache)
        self._templates = TemplateStore(self.cache)
        self._scripts: tuple[object, Mapping[str, bytes]] = (None, {})
        """The last ones that virtualenv was asked for."""
        self.tried: set[object] = set()
        """What repairs would link, and was seen to run."""
        self.alike = _alike_of(plans)
        """What installs once for several environments, where any installs."""
        self._turn = threading.Lock()
        self.remarks: dict[str, list[str]] = {}
        """What people should know of what was done, by the names of environments."""
        self.changes: dict[str, tuple[Change, ...]] = {}
        """Which versions have changed, likewise."""

    def knows_templates(self, plans: Iterable[EnvironmentPlan]) -> bool:
        """Check whether earlier passes have kept the templates of all that plans create."""
        blueprints = (one.blueprint for plan in plans for one in plan.actions if isinstance(one, Create))
        kinds = {kind_of(one, one.builders[0].name): one for one in blueprints}
        return all(self._templates.knows(kind, one) for kind, one in kinds.items())

    def close(self) -> None:
        """Remove what was kept for the pass, and save what others can use."""
        if self.alike is not None:
            self.alike.close()
        self._templates.close()
        self.cache.save(write_cache)

    def begin(self, plan: EnvironmentPlan) -> None:
        """Report that work on an environment begins."""
        name = plan.environment.name
        if name not in self.begun:
            self.begun[name] = None
            self.progress.started(name, work_on(plan))

    def wait(self, plan: EnvironmentPlan, holder: str) -> None:
        """Report that it waits for the holder of its lock."""
        self.progress.started(plan.environment.name, work_on(plan))
        self.progress.step(plan.environment.name, f"waiting for {holder}")

    def build(self, blueprint: Blueprint, staging_dir: str, name: str = BUILT) -> None:
        """Build the environment of a blueprint, by a name, in a staging directory; its paths are the declared ones.

        The first of a kind is run, to check that it is an environment. Raises ``EnvsyncError`` or ``OSError``.
        """
        self.settle(self.build_unsettled(blueprint, staging_dir, name), blueprint, staging_dir, name)

    def build_unsettled(self, blueprint: Blueprint, staging_dir: str, name: str) -> FirstRun:
        """Build as :meth:`build` does, but wait for no run: what is returned has to be settled before it is used."""

        def render(template: Template) -> str:
            self._render(template, blueprint, staging_dir, name)
            return f"{staging_dir}/{name}"

        kind = kind_of(blueprint, blueprint.builders[0].name)
        try:
            return self._templates.use(kind, blueprint, lambda: self._make(blueprint, staging_dir), render)
        except (EnvsyncError, OSError) as error:
            if has_symlinks(staging_dir):
                raise
            message = f"the file system of {blueprint.end} has no symlinks, by which an environment follows its Python"
            hint = "Choose a path on another one (not FAT or exFAT), or a `target` there."
            raise EnvsyncError(Problem("symlinks-unsupported", message, hint)) from error

    def settle(self, check: FirstRun, blueprint: Blueprint, staging_dir: str, name: str) -> None:
        """Wait until an environment, or one of its kind, was run. Raises as :meth:`build` does."""
        self._templates.settle(check, blueprint, f"{staging_dir}/{name}")

    def activation_scripts(
        self, blueprint: Blueprint, path: str, prompt: str | None, staging_dir: str
    ) -> Mapping[str, bytes]:
        """Return what virtualenv writes for an environment at ``path``, by name. Raises as :meth:`build` does."""
        key = (blueprint.executable, path, prompt)
        known, scripts = self._scripts
        if known != key:
            with self._scratch(blueprint, staging_dir) as scratch:
                scripts = activation_scripts(*key, scratch, self._app_data)
            self._scripts = (key, scripts)
        return scripts

    def remark(self, blueprint: Blueprint, text: str) -> None:
        """Note what a person should know of what was done for an environment."""
        self.remarks.setdefault(blueprint.name, []).append(text)

    def building(self, spec: InstallSpec) -> AbstractContextManager[object]:
        """Return what to hold while an installer runs: of each directory of sources, one build at a time."""
        projects = spec.declared.projects if spec.declared is not None else ()
        paths = {project.path for project in projects}
        paths |= {one.origin.directory for one in spec.former if one.origin is not None and one.origin.directory}
        return hold_sources(self._locks, paths, BUILD_LIMIT)

    def turn(self, plan: EnvironmentPlan) -> AbstractContextManager[object]:
        """Return what to hold while a plan is carried out.

        Installers run beside each other. Work that is all short calls of Python's own is faster one at a time: threads
        would only hand each other the interpreter lock.
        """
        if not _installs(plan):
            return self._turn
        return contextlib.nullcontext() if self.alike is None else self.alike.in_line(plan)

    def log_of(self, blueprint: Blueprint) -> str:
        """Name the log of an environment's installer."""
        name = blueprint.name.encode()[:200].decode(errors="ignore")  # a file's name has room for 255 bytes
        return f"{self._logs}/{name}.log"

    def _render(self, template: Template, blueprint: Blueprint, staging_dir: str, name: str) -> None:
        scripts: Mapping[str, bytes] | None = plain_scripts(template, blueprint)
        if scripts is None:
            scripts = self.activation_scripts(blueprint, blueprint.path, blueprint.prompt, staging_dir)
            missing = sorted({script for script, _ in template.scripts or ()} - scripts.keys())
            if missing:
                self.remark(blueprint, f"virtualenv writes no {', '.join(missing)} for such a path")
        render(template, scripts, blueprint, f"{staging_dir}/{name}", [os.path.basename(staging_dir)])
        if template.remark:
            self.remark(blueprint, template.remark)

    def _make(self, blueprint: Blueprint, staging_dir: str) -> Template:
        """Have a template made by the builder that is wanted, or by another if its work names the place of building."""
        wanted, *others = blueprint.builders
        try:
            return self._make_with(wanted, blueprint, staging_dir)
        except PathLeftError as error:
            unfit = error
        for other in others:
            with contextlib.suppress(EnvsyncError):
                made = self._make_with(other, blueprint, staging_dir)
                remark = f"built by {other.name}: {wanted.name} is unfit, since {unfit.problem.message}"
                return Template(made.entries, made.scripts, remark)
        raise unfit

    def _make_with(self, builder: "Backend", blueprint: Blueprint, staging_dir: str) -> Template:
        from envsync.apply.builders import build_bare  # noqa: PLC0415  # only where there is no template

        self.progress.step(blueprint.name, f"building ({builder.name})")
        with self._scratch(blueprint, staging_dir) as scratch:
            place = f"{scratch}/{BUILT}"
            build_bare(builder, blueprint, place, self._app_data)
            return make_template(place, blueprint, scratch, self._app_data)

    @contextlib.contextmanager
    def _scratch(self, blueprint: Blueprint, staging_dir: str) -> Iterator[str]:
        """Yield a directory for throw-away work, of a name that no builder has to quote if there is any.

        What builders make of quotes, and which signs they refuse, need not matter then.
        """
        generations_dir = self._generations_dir
        own = ""
        if not is_plain(staging_dir) and is_plain(generations_dir):
            with contextlib.suppress(OSError):
                make_directories(generations_dir)
                own = make_staging_dir(generations_dir, marker_of(blueprint))
        place = own or staging_dir
        try:
            scratch = make_scratch(place)
            with _temporary_files_in(scratch):
                yield scratch
        finally:
            remove_scratch(place)
            if own:
                remove_staging_dir(own, blueprint.end)


def _alike_of(plans: Iterable[EnvironmentPlan]) -> "Alike | None":
    if not any(map(_installs, plans)):
        return None
    from envsync.apply.alike import Alike  # noqa: PLC0415  # only where packages are declared

    return Alike(plans)


def _installs(plan: EnvironmentPlan) -> bool:
    return any(getattr(action, "spec", None) is not None for action in plan.actions)


@contextlib.contextmanager
def _temporary_files_in(directory: str) -> Iterator[None]:
    """Let temporary files be made in a directory, by programs and by virtualenv, which is a library here."""
    with _TEMPORARY, temporary_files_in(directory):
        former, tempfile.tempdir = tempfile.tempdir, directory
        try:
            yield
        finally:
            tempfile.tempdir = former


def edit_settings(root: Root, settings: Mapping[str, str]) -> None:
    """Set keys of an environment's ``pyvenv.cfg`` in place."""

    def edit(content: bytes) -> bytes:
        text = pyvenv_cfg.update(content.decode("utf-8", "surrogateescape"), settings)
        return text.encode("utf-8", "surrogateescape")

    edit_inner_file(root, "pyvenv.cfg", edit)
