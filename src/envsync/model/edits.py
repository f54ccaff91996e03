"""Changes of the manifest. Pure values."""

from typing import Any

from envsync.model.dataclass import dataclass
from envsync.model.document import document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envsync.model.contract.documents import AddDocument, ImportDocument, InitDocument, RemoveDocument
    from envsync.model.contract.entries import DeclarationEntry, LeftOutEntry, NoLongerDeclaredEntry


@dataclass(frozen=True, slots=True)
class Pin:
    """A change of the manifest: one environment's ``python`` becomes a path."""

    file: str
    """The manifest, or the include that declares the environment."""
    former: bytes
    """Its content now."""
    content: bytes
    """Its new content."""
    python: str
    """The new value of ``python``."""
    link: str
    """The interpreter link that the value means."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """An environment's entry in the manifest."""

    name: str
    values: tuple[tuple[str, Any], ...]
    """Each key as the manifest has it, kebab-case, with its value: text, a boolean, or a list of texts."""
    undeclared: tuple[str, ...] = ()
    """Names of installed packages that nothing in it declares."""
    left_out: tuple[str, ...] = ()
    """Which packages are not in it though they were asked for by name, and why: a sentence for each."""
    stable_link: tuple[str, str] | None = None
    """The interpreter link that was found, and the stable link to the same that is declared instead, if any is."""

    def to_dict(self) -> "DeclarationEntry":
        """Return its entry in the JSON document."""
        entry: DeclarationEntry = {"name": self.name}
        return {**entry, **dict(self.values)}  # type: ignore[typeddict-item]  # the keys are the manifest's


@dataclass(frozen=True, slots=True)
class Edit:
    """What became of a manifest."""

    manifest: str
    """Its absolute path."""

    @property
    def ok(self) -> bool:
        """True: what cannot be done raises an error."""
        return True


@dataclass(frozen=True, slots=True)
class Written(Edit):
    """A manifest was written where none was."""

    def to_dict(self) -> "InitDocument":
        """Return the document of ``envsync init --json``."""
        return {**document("init", self.manifest, "applied"), "changed": True}


@dataclass(frozen=True, slots=True)
class Added(Edit):
    """An environment was declared."""

    declared: Declaration

    def to_dict(self) -> "AddDocument":
        """Return the document of ``envsync add --json``."""
        return {**document("add", self.manifest, "applied"), "changed": True, "declared": [self.declared.to_dict()]}


@dataclass(frozen=True, slots=True)
class Removed(Edit):
    """An environment that is no longer declared; all that it consisted of is where it was."""

    name: str
    file: str
    """The file that declared it: the manifest, or one that it includes."""
    left: tuple[str, ...] = ()
    """Absolute paths of what it leaves on the disk: symlinks, scripts, its directory."""

    def to_dict(self) -> "RemoveDocument":
        """Return the document of ``envsync remove --json``."""
        one: NoLongerDeclaredEntry = {"name": self.name, "file": self.file, "left": list(self.left)}
        return {
            **document("remove", self.manifest, "applied"),
            "changed": True,
            "removed": self.name,
            "left": list(self.left),
            "no_longer_declared": [one],
        }


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An environment that was found and is not declared."""

    path: str
    code: str
    """``other-tool``, ``other-manifest``, ``own``, ``inexpressible``, ``unsafe-path`` or ``unowned-files``."""
    reason: str
    """The end of a sentence that begins "because"."""

    def to_dict(self) -> "LeftOutEntry":
        """Return its entry in the JSON document."""
        return {"path": self.path, "code": self.code, "message": self.reason}


@dataclass(frozen=True, slots=True)
class Adopted(Edit):
    """Environments that were found below some directories are declared."""

    declared: tuple[Declaration, ...]
    """Those that were not declared before."""
    skipped: tuple[LeftOut, ...]
    """Those that are not declared, by their paths."""
    known: int
    """How many were declared already."""
    changed: bool
    """Whether the manifest was written."""

    def to_dict(self) -> "ImportDocument":
        """Return the document of ``envsync import --json``."""
        return {
            **document("import", self.manifest, "applied" if self.changed else "in-sync"),
            "changed": self.changed,
            "declared": [one.to_dict() for one in self.declared],
            "skipped": [one.path for one in self.skipped],
            "skipped_because": [one.to_dict() for one in self.skipped],
            "stable_links": {
                one.name: {"found": one.stable_link[0], "declared": one.stable_link[1]}
                for one in self.declared
                if one.stable_link is not None
            },
            "undeclared": {one.name: list(one.undeclared) for one in self.declared},
            "left_out": {one.name: list(one.left_out) for one in self.declared},
        }
