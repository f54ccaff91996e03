"""What single commands add to their documents."""

from typing import Literal, NotRequired, TypedDict

from envsync.model.contract.environments import ProblemEntry
from envsync.model.contract.values import CheckCode, EffectValue, HealthValue, ProblemCode, StateValue


class RemovalEntry(TypedDict):
    """What nothing needs any more."""

    kind: Literal["environment", "generation", "staging", "command", "link"]
    """What it is"""
    name: str
    """The environment's or the command's"""
    place: str
    """Its path"""
    detail: str
    """What it is, for people"""
    size: int
    """Bytes on the disk; 0 where that was not counted"""
    made: str
    """When a generation was replaced, ISO 8601; else empty"""
    end: str
    """The real path of an environment; else empty"""
    path: str
    """The path that was declared; else empty"""
    kept_because: str
    """Why it stays all the same; empty where it goes"""
    unowned: list[str]
    """Files of the user's in it, which would go with it, relative"""
    removed: bool
    """Whether it was removed"""
    error: ProblemEntry | None
    """Why it could not be removed; else null"""


class DeclarationEntry(TypedDict):
    """A table of the manifest: besides `name`, its keys as the manifest has them."""

    name: str
    """The environment's"""


class LeftOutEntry(TypedDict):
    """An environment that was found and is not declared."""

    path: str
    """Where it is"""
    code: ProblemCode
    """The reason"""
    message: str
    """The reason, for people"""


class StableLinkEntry(TypedDict):
    """An interpreter that is declared by another link than the one that was found."""

    found: str
    """The link that the environment uses"""
    declared: str
    """The link to the same interpreter that survives upgrades"""


class NoLongerDeclaredEntry(TypedDict):
    """An environment whose table was removed."""

    name: str
    """The environment's"""
    file: str
    """The file that declared it"""
    left: list[str]
    """Paths that stay"""


class CheckEntry(TypedDict):
    """A check of the machine."""

    code: CheckCode
    """What was checked"""
    status: HealthValue
    """The result"""
    message: str
    """What was found, for people"""
    hint: str
    """What to do, for people; may be empty"""


class DependentEntry(TypedDict):
    """What would happen to an environment without an interpreter."""

    environment: str
    """Its name"""
    effect: EffectValue
    """What would happen"""
    link: str | None
    """The interpreter link that it uses now"""
    next_link: str | None
    """The one that it would use instead"""
    message: str
    """A sentence, for people"""


class NodeEntry(TypedDict):
    """An environment, or a path that one depends on."""

    id: str
    """Unique in the graph"""
    kind: Literal["environment", "link", "folder", "interpreter", "nothing"]
    """What it is"""
    label: list[str]
    """Its lines, for people"""
    path: str | None
    """Its path; null where there is none"""
    state: StateValue | None
    """The state of an environment; else null"""


class EdgeEntry(TypedDict):
    """A step on the way from an environment to its interpreter."""

    source: str
    """The `id` of a node"""
    target: str
    """The `id` of a node"""
    label: str
    """What a symlink holds, for people; may be empty"""


class GraphEntry(TypedDict):
    """What environments depend on."""

    nodes: list[NodeEntry]
    """Environments and paths"""
    edges: list[EdgeEntry]
    """The steps between them"""


class ScriptEntry(TypedDict):
    """A script for a shell's settings."""

    shell: str
    """The shell's name"""
    script: str
    """The script's text"""


class TrustEntry(TypedDict):
    """A trusted manifest."""

    manifest: str
    """Its path"""
    leads_to: str
    """Its real path"""


class ServiceEntry(TypedDict):
    """`watch` as a service."""

    supervisor: str
    """`systemd` or `launchd`"""
    file: str
    """Its definition"""
    text: NotRequired[str]
    """With `show`: the definition"""
    installed: NotRequired[bool]
    """With `status`: whether it is installed"""
    enabled: NotRequired[bool]
    """With `status`: whether it starts at login"""
    running: NotRequired[bool]
    """With `status`: whether it runs now"""
    detail: NotRequired[str]
    """With `status`: in the supervisor's words"""
