"""The commands by name; the module of one is loaded when it is wanted."""

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envsync.cli.options import Options
    from envsync.cli.result import Result


MODULES = {
    **dict.fromkeys(("apply", "plan", "check", "rollback"), "apply"),
    **dict.fromkeys(("upgrade", "outdated"), "apply"),
    **dict.fromkeys(("status", "explain", "graph"), "inspect"),
    **dict.fromkeys(("init", "import", "add", "remove"), "edit"),
    **dict.fromkeys(("prune", "move"), "inspect"),
    **dict.fromkeys(("run", "which", "activate", "hook"), "run"),
    "edit": "editor",
    "watch": "watch",
    "service": "watch",
    **dict.fromkeys(("trust", "untrust"), "trust"),
    "schema": "inspect",
    "completion": "completion",
    "doctor": "doctor.command",
}
"""Each command's module in this package, whose own ``COMMANDS`` holds its function."""


SHOWING = frozenset({"status", "explain", "graph", "schema", "completion", "outdated", "which", "activate", "hook"})
"""Commands whose output is what they are for: it comes also with ``--quiet``."""


FITTED = frozenset({"apply", "plan", "check", "rollback", "prune", "upgrade", "outdated", "import", "remove"})
"""Commands whose lines are broken to fit a terminal."""


def carry_out(options: "Options") -> "Result | int":
    """Carry out a command; gives what to show, or the exit status where it has shown all itself.

    Raises ``EnvsyncError``, ``ManifestError`` or ``OSError``.
    """
    module = import_module(f"envsync.cli.{MODULES[options.command]}")
    result: Result | int = module.COMMANDS[options.command](options)
    return result
