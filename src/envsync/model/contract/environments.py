"""An environment, as it stands in the documents."""

from typing import Literal, NotRequired, TypedDict

from envsync.model.contract.values import ConflictCode, DriftCode, OutcomeValue, ProblemCode, StateValue


class HopEntry(TypedDict):
    """A symlink on the way."""

    link: str
    """The absolute path of the symlink"""
    text: str
    """What it holds, as written"""


class PythonEntry(TypedDict):
    """An interpreter."""

    declared: str
    """As the manifest declares it"""
    link: str | None
    """The path that the environment uses, unresolved"""
    end: str | None
    """Where that leads"""
    hops: list[HopEntry]
    """The symlinks between them"""
    version: str | None
    """Such as `3.12.4`; null where no interpreter was found"""
    implementation: str | None
    """Such as `cpython`; null where no interpreter was found"""


class DriftEntry(TypedDict):
    """A difference between the manifest and the disk."""

    code: DriftCode
    """What differs"""
    message: str
    """A sentence, for people"""
    before: str | None
    """What is there: a version, a link's text, a value; null where only the message says so"""
    after: str | None
    """What should be there, likewise"""


class ActionEntry(TypedDict):
    """A step that removes drift."""

    kind: Literal["create", "repair", "rebuild", "install", "rollback", "link"]
    """What is done"""
    message: str
    """A sentence, for people"""
    link: NotRequired[str]
    """Of kind `link`: the absolute path of the symlink"""
    text: NotRequired[str]
    """Of kind `link`: what it holds, as written"""


class ConflictEntry(TypedDict):
    """What envsync refuses to touch."""

    code: ConflictCode
    """The reason"""
    message: str
    """What was found, for people"""
    hint: str
    """What to do, for people"""
    remedy: list[list[str]]
    """Commands that resolve it, in order, each as a list of words; empty where the user has to decide"""


class ProblemEntry(TypedDict):
    """Why something failed."""

    code: ProblemCode
    """What happened"""
    message: str
    """What was found, for people"""
    hint: str
    """What to do, for people; may be empty"""


class ErrorEntry(ProblemEntry):
    """Why a command failed."""

    file: str | None
    """The faulty manifest; null where none is"""
    line: int | None
    """In that file, from 1"""
    column: int | None
    """In that line, from 1"""
    key: str | None
    """The manifest key, such as `envs.blog.path`"""


class ChangeEntry(TypedDict):
    """A package whose version changes."""

    name: str
    """Its normalized name (PEP 503)"""
    before: str | None
    """The installed version; null where it is not installed"""
    after: str | None
    """The new version; null where it is removed, or known only once it is built"""


class DamageEntry(TypedDict):
    """A package whose files are not as they were installed, by its `RECORD` (PEP 376)."""

    package: str
    """Its name"""
    version: str
    """Its version"""
    missing: list[str]
    """The first of its missing files"""
    missing_count: int
    """How many are missing"""
    changed: list[str]
    """The first of its changed files"""
    changed_count: int
    """How many are changed"""
    unchecked: str | None
    """Why its files could not be checked; null if they were"""
    leftovers: list[str]
    """The first of the partial files of an interrupted installation"""


class GenerationEntry(TypedDict):
    """A former content of an environment, which `rollback` restores."""

    area: str
    """Its directory"""
    made: str
    """When it was replaced, ISO 8601; empty where that is not known"""
    version: str | None
    """Of its Python"""
    size: int
    """Bytes on the disk"""
    sound: bool
    """Whether it is still an environment"""


class Found(TypedDict):
    """What was found of an environment."""

    end: str
    """Where the path leads"""
    hops: list[HopEntry]
    """The symlinks on the way"""
    python: PythonEntry
    """Its interpreter"""
    generations: list[str]
    """The directories of the generations that are kept"""
    damage: NotRequired[list[DamageEntry]]
    """With `--deep`: each package with damaged files"""


class EnvironmentEntry(Found):
    """An environment.

    After work was done, `end`, `hops` and `state` describe what is there now, all else what was.
    """

    name: str
    """As declared"""
    path: str
    """As declared, absolute"""
    description: str | None
    """As declared"""
    state: StateValue
    """How it compares to the manifest"""
    drift: list[DriftEntry]
    """Each difference"""
    actions: list[ActionEntry]
    """What would be or was done, in order"""
    conflict: ConflictEntry | None
    """The first of `conflicts`; null where there is none"""
    conflicts: list[ConflictEntry]
    """Why nothing is done"""
    notes: list[str]
    """Sentences to know, though nothing is wrong"""
    left_out: list[ConflictEntry]
    """Aliases and exposed commands whose place is taken"""
    packages: list[ChangeEntry]
    """The packages whose version would change or has changed"""


class ReportEntry(EnvironmentEntry):
    """An environment after a pass."""

    outcome: OutcomeValue
    """What was done"""
    error: ProblemEntry | None
    """Why it failed; null unless it did"""


class StatusEntry(EnvironmentEntry):
    """An environment, of `status`."""

    kept: list[GenerationEntry]
    """Each generation"""
