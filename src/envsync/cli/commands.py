"""The commands by name; the module of one is loaded when it is wanted."""

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:  # all that these need would load before --help is shown
    from envsync.cli.options import Options
    from envsync.cli.session import Result

__all__ = ["COMMANDS", "FITTED", "SHOWING", "carry_out"]

COMMANDS = {
    **dict.fromkeys(("apply", "plan", "check", "rollback"), "reconciling"),
    **dict.fromkeys(("upgrade", "outdated"), "upgrading"),
    **dict.fromkeys(("status", "explain", "graph"), "looking"),
    **dict.fromkeys(("init", "import", "add", "remove"), "editing"),
    **dict.fromkeys(("prune", "move"), "keeping"),
    "run": "running",
    "watch": "watching",
    "service": "service",
    **dict.fromkeys(("trust", "untrust"), "trusting"),
    "schema": "schema",
    "completion": "completion",
    "doctor": "doctor",
}
"""Each command's module in this package, whose own ``COMMANDS`` holds its function."""


SHOWING = frozenset({"status", "explain", "graph", "schema", "completion", "outdated"})
"""Commands whose output is what they are for: it comes also with ``--quiet``."""


FITTED = frozenset({"apply", "plan", "check", "rollback", "prune", "upgrade"})
"""Commands whose lines are broken to fit a terminal."""


def carry_out(options: "Options") -> "Result | int":
    """Carry out a command; gives what to show, or the exit status where it has shown all itself.

    Raises ``EnvsyncError``, ``ManifestError`` or ``OSError``.
    """
    module = import_module(f"envsync.cli.{COMMANDS[options.command]}")
    result: Result | int = module.COMMANDS[options.command](options)
    return result
