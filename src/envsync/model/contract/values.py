"""What a text of the contract can be."""

from typing import Annotated, Literal

from envsync.model.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Values:
    """A text is a value of an enumeration."""

    name: str
    """In the schemas."""
    enumeration: str
    """``module:name``."""


@dataclass(frozen=True, slots=True)
class Codes:
    """A text is a code of a section of docs/codes.md, or of one of several."""

    name: str
    """In the schemas."""
    sections: tuple[str, ...]


DriftCode = Annotated[str, Codes("DriftCode", ("Drift",))]
ConflictCode = Annotated[str, Codes("ConflictCode", ("Conflicts",))]
ProblemCode = Annotated[str, Codes("ProblemCode", ("Errors", "Conflicts"))]
CheckCode = Annotated[str, Codes("CheckCode", ("Checks", "Conflicts", "Errors"))]
StateValue = Annotated[str, Values("State", "envsync.model.plan:State")]
OutcomeValue = Annotated[str, Values("Outcome", "envsync.model.report:Outcome")]
HealthValue = Annotated[str, Values("Health", "envsync.cli.doctor.checks:Health")]
EffectValue = Annotated[str, Values("Effect", "envsync.cli.doctor.interpreters:Effect")]
ReasonValue = Annotated[str, Values("Reason", "envsync.watch.schedule:Reason")]
Status = Literal["in-sync", "drift", "conflict", "applied", "failed", "error"]
Origin = Literal["named", "set", "found", "own"]
