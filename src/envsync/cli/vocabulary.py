"""The words for commands: in which group of the help each stands, and what other tools call them."""

from collections.abc import Iterable

from envsync.cli.arguments import ALIASES

GROUPS = (
    ("start", ("init", "import", "add", "edit", "remove", "trust", "untrust")),
    ("every day", ("status", "plan", "apply", "run", "activate", "which", "outdated", "upgrade")),
    ("when something is wrong", ("explain", "doctor", "rollback", "graph", "move", "prune")),
    ("automate", ("check", "watch", "service", "hook", "completion", "schema")),
)
"""The commands as the help shows them."""

ANSWERS = {
    "clean": "List what can be removed: envsync prune.",
    "create": "Declare an environment, then make it: envsync add NAME; envsync apply NAME.",
    "deactivate": "Where it was activated: deactivate. With the hook, this works, too: envsync hook --help.",
    "delete": "Declare it no longer, then list what is left: envsync remove NAME; envsync prune.",
    "exec": "Run a command in an environment: envsync run NAME COMMAND.",
    "fix": "Repair what differs from the manifest: envsync apply.",
    "freeze": "Record the packages that are installed: envsync import --freeze PATH.",
    "gc": "List what can be removed: envsync prune.",
    "info": "Show one environment, or all: envsync explain NAME; envsync status.",
    "install": "Write the package in the manifest, under packages, then install it: envsync apply.",
    "new": "Declare an environment, then make it: envsync add NAME; envsync apply NAME.",
    "repair": "Repair what differs from the manifest: envsync apply.",
    "shell": "Open a shell in an environment: envsync run NAME.",
    "show": "Show one environment, or all: envsync explain NAME; envsync status.",
    "uninstall": "Take the package out of the manifest, then apply it: envsync apply.",
    "update": "Newer releases: envsync upgrade. What the manifest says: envsync apply.",
}
"""What to do instead, for words of other tools that mean nothing here, or not quite the same."""


def answer(word: str, commands: Iterable[str]) -> str:
    """Return what to do for a word that is no command, with a space behind it; empty where nothing is like it."""
    nearest = _nearest(word, [*commands, *ALIASES, *ANSWERS])
    if nearest in ANSWERS:
        return f"{ANSWERS[nearest]} "
    return f"Did you mean {nearest}? " if nearest else ""


def similar(word: str, words: Iterable[str]) -> str:
    """Return a question that names the word most like another, with a space behind it; empty where none is."""
    nearest = _nearest(word, words)
    return f"Did you mean {nearest}? " if nearest else ""


def _nearest(word: str, words: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415  # only where something is wrong

    by_letters = {one.lstrip("-"): one for one in words}  # the dashes of options would make all of them alike
    return next((by_letters[one] for one in difflib.get_close_matches(word.lstrip("-"), by_letters, n=1)), "")
