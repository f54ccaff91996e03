"""The documents of the commands: each is named for its command."""

from typing import Literal, NotRequired, TypedDict

from envsync.model.contract.entries import (
    CheckEntry,
    DeclarationEntry,
    DependentEntry,
    GraphEntry,
    LeftOutEntry,
    NoLongerDeclaredEntry,
    RemovalEntry,
    ScriptEntry,
    ServiceEntry,
    StableLinkEntry,
    TrustEntry,
)
from envsync.model.contract.environments import EnvironmentEntry, ErrorEntry, ReportEntry, StatusEntry
from envsync.model.contract.values import Origin, Status


class Document(TypedDict):
    """What every command prints, also when it fails."""

    schema: Literal[1]
    """The version of this contract"""
    envsync: str
    """The version of envsync"""
    command: str
    """The command; empty where none was understood"""
    manifest: str | None
    """The absolute path of the manifest; null where none was found or needed"""
    status: Status
    """How the command ended"""
    exit_code: int
    """The exit status"""
    environments: list[EnvironmentEntry | ReportEntry | StatusEntry]
    """An entry for each environment; empty for commands that are not about any"""
    errors: list[ErrorEntry]
    """Why the command failed; empty unless `status` is `error`"""


class Planned(Document):
    """What a plan says."""

    notes: list[str]
    """Sentences on what is of no declared environment"""


class PlanDocument(Planned):
    """What would be done."""

    found_by: NotRequired[Origin]
    """How the manifest was found: `--file`, `$ENVSYNC_FILE`, the current directory or one above, the user's own"""
    hides: NotRequired[str | None]
    """The user's own manifest that it hides; null if none"""


class CheckDocument(Document):
    """Whether all is in sync."""


class ApplyDocument(Document):
    """What was done, or with `--dry-run` what would be."""

    notes: NotRequired[list[str]]
    """With `--dry-run`: as for `plan`"""
    found_by: NotRequired[Origin]
    """With `--dry-run`: as for `plan`"""
    hides: NotRequired[str | None]
    """With `--dry-run`: as for `plan`"""


class UpgradeDocument(Document):
    """What was upgraded, or with `--dry-run` would be."""


class OutdatedDocument(Document):
    """What `upgrade` would do."""


class RollbackDocument(Document):
    """What was restored."""


class StatusDocument(Document):
    """What is there."""

    found_by: Origin
    """As for `plan`"""
    hides: str | None
    """As for `plan`"""
    orphans: NotRequired[list[RemovalEntry]]
    """With `--orphans`: environments that no manifest declares any more"""


class ExplainDocument(Document):
    """Why something is as it is."""

    undeclared: dict[str, list[str]]
    """By environment: installed packages that nothing declares"""


class GraphDocument(Document):
    """What environments depend on."""

    graph: GraphEntry
    """As nodes and edges"""


class DoctorDocument(Document):
    """What was checked, or with an interpreter, what depends on it."""

    checks: NotRequired[list[CheckEntry]]
    """Without an interpreter: each check"""
    found_by: NotRequired[Origin]
    """As for `plan`"""
    hides: NotRequired[str | None]
    """As for `plan`"""
    python: NotRequired[str]
    """With an interpreter: its directory"""
    understood: NotRequired[str]
    """With an interpreter: what it was understood to be, for people"""
    dependents: NotRequired[list[DependentEntry]]
    """With an interpreter: what would happen without it"""


class PruneDocument(Document):
    """What may go, or with `--yes` is gone."""

    removals: list[RemovalEntry]
    """Each of them"""


class EditDocument(Document):
    """Whether anything was written."""

    changed: bool
    """Whether anything was written or moved"""


class InitDocument(EditDocument):
    """A manifest was written."""


class MoveDocument(EditDocument):
    """An environment is at its target."""


class AddDocument(EditDocument):
    """An environment was declared."""

    declared: list[DeclarationEntry]
    """The new table"""


class ImportDocument(EditDocument):
    """Environments that were found are declared."""

    declared: list[DeclarationEntry]
    """The new tables"""
    skipped: list[str]
    """Paths that were not declared"""
    skipped_because: list[LeftOutEntry]
    """The same, with the reason"""
    stable_links: dict[str, StableLinkEntry]
    """By name: interpreters that are declared by a stable link instead of the one that was found"""
    undeclared: dict[str, list[str]]
    """By name: installed packages that nothing declares"""
    left_out: dict[str, list[str]]
    """By name: what was left out, and why"""


class RemoveDocument(EditDocument):
    """Environments that are no longer declared."""

    no_longer_declared: list[NoLongerDeclaredEntry]
    """Each of them"""
    removed: str
    """The name of the first"""
    left: list[str]
    """Paths that stay of the first"""


class TrustDocument(EditDocument):
    """Manifests that were trusted, or with `--list` all that are."""

    manifests: list[TrustEntry]
    """Each of them"""


class UntrustDocument(TrustDocument):
    """Manifests that are no longer trusted."""


class WhichDocument(Document):
    """Where an environment is; all null with `--here` where there is none."""

    name: str | None
    """The environment's"""
    path: str | None
    """The environment's"""
    python: str | None
    """The path of its interpreter"""


class ActivateDocument(Document):
    """How to activate an environment."""

    name: str
    """The environment's"""
    path: str
    """The environment's"""
    shell: str
    """The shell that the line is for"""
    activation: str
    """The line that activates it"""


class HookDocument(Document):
    """Functions for a shell's settings."""

    hook: ScriptEntry
    """The shell and its script"""


class CompletionDocument(Document):
    """Completion for a shell's settings."""

    completion: ScriptEntry
    """The shell and its script"""


class SchemaDocument(Document):
    """The manifest's JSON Schema."""

    schema_document: dict[str, object]
    """The schema"""


class ServiceDocument(Document):
    """`watch` as a service."""

    service: ServiceEntry
    """What was done, or is there"""
