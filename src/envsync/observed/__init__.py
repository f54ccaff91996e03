"""What the file system holds: the observed side of a reconcile.

Twin of :mod:`envsync.desired`. These values are complete: whoever has them decides
without looking at the disk again.
"""

from envsync.observed.chain import Chain, EndKind, Hop
from envsync.observed.declared import Call, Declared, Project, Sync
from envsync.observed.environment import Contents, Environment, InnerLink, LostEditable, Script, library_name
from envsync.observed.former import Former
from envsync.observed.interpreter import Facts, Interpreter, InterpreterProblem
from envsync.observed.orphans import ExposedOrphan, Generation, Orphan
from envsync.observed.paths import Paths
from envsync.observed.stock import SEEDS, Damage, Distribution, Origin, Stock
from envsync.observed.verdict import Change, Verdict, changes_between
from envsync.observed.world import Folder, Hazard, Redirect, Side, World

__all__ = [
    "SEEDS",
    "Call",
    "Chain",
    "Change",
    "Contents",
    "Damage",
    "Declared",
    "Distribution",
    "EndKind",
    "Environment",
    "ExposedOrphan",
    "Facts",
    "Folder",
    "Former",
    "Generation",
    "Hazard",
    "Hop",
    "InnerLink",
    "Interpreter",
    "InterpreterProblem",
    "LostEditable",
    "Origin",
    "Orphan",
    "Paths",
    "Project",
    "Redirect",
    "Script",
    "Side",
    "Stock",
    "Sync",
    "Verdict",
    "World",
    "changes_between",
    "library_name",
]
