"""The commands and the arguments of each: data, from which the parser, its help and the completion are made."""

from envsync.cli.grammar import Argument, Command, count, flag, metrics_file, option, period, position, seconds

EVERYWHERE = (
    option("--file", metavar="FILE", text="the manifest"),
    flag("--json", text="one JSON document on standard output"),
    Argument(("--color",), {"choices": ("auto", "always", "never"), "help": "auto: on terminals, minding NO_COLOR"}),
    flag("-q", "--quiet", text="only problems"),
    flag("-v", "--verbose", text="list the unchanged too"),
    flag("--no-cache", text="neither read nor write caches"),
    flag("--as-trusted", text="do nothing if the manifest has changed since it was trusted: for hooks"),
    option("--lock-timeout", metavar="SECONDS", type=seconds, text="how long to wait for another pass (default: 60)"),
)
"""Options that all commands have."""

SHELLS = ("bash", "zsh", "fish", "tcsh", "powershell")
"""The shells that can complete envsync's command line."""

_ANY = "names, paths (. for here) or globs"
_NAMES = position("names", f"environments: {_ANY}; all where none is named", nargs="*", metavar="NAME")
_ONE = position("names", "the environment: its name, or a path such as .", nargs=1, metavar="NAME")
_THIS = position("names", "the environment; the one here where none is named", nargs="?", metavar="NAME")
_FORCE = option(
    "--force-rebuild", metavar="NAME", action="append", text="rebuild this environment even if nothing is wrong"
)
_DEEP = flag("--deep", text="compare every file of every installed package with what was installed")
_PACKAGE = option("--package", metavar="PACKAGE", action="append", text="only this one; may be given several times")
_MANIFESTS = position(
    "paths",
    "a manifest, or a directory in or above which it lies; the current one where none is given",
    nargs="*",
    metavar="PATH",
)
_METRICS = option(
    "--metrics", metavar="FILE", type=metrics_file, text="write metrics for Prometheus there after each pass; NAME.prom"
)
_JOBS = option(
    "--jobs", metavar="N", type=count, text="environments to work on side by side (default: 2 for each core)"
)


COMMANDS = (
    Command(
        "apply",
        "create, repair or rebuild what differs from the manifest",
        (
            _NAMES,
            flag("--dry-run", text="the same as plan"),
            flag("-y", "--yes", text="rebuild, and remove packages, without a question; only a terminal is asked"),
            _FORCE,
            _DEEP,
            _JOBS,
        ),
    ),
    Command(
        "plan",
        "show what apply would do, and why; writes nothing but caches",
        (_NAMES, _FORCE, _DEEP, flag("--exit-code", text="exit status 3 on drift, as check has it")),
    ),
    Command("check", "say in one line whether all is in sync; exit status 3 on drift", (_NAMES, _DEEP)),
    Command(
        "upgrade",
        "install the newest releases that the declarations allow",
        (_NAMES, _PACKAGE, flag("--dry-run", text="show the versions before and after; change nothing"), _JOBS),
    ),
    Command("outdated", "list the packages for which the declarations allow a newer release", (_NAMES, _PACKAGE)),
    Command(
        "status",
        "show a table of the environments",
        (
            _NAMES,
            flag("--orphans", text="also list what envsync made and nothing declares any more"),
            Argument(
                ("--format",),
                {"choices": ("table", "openmetrics"), "help": "default: table; openmetrics: for Prometheus"},
            ),
        ),
    ),
    Command(
        "explain",
        "show an environment's link chains hop by hop, and each check with what was found",
        (position("names", f"environments: {_ANY}", nargs="+", metavar="NAME"),),
    ),
    Command(
        "watch",
        "reconcile whenever something changes that the environments depend on",
        (
            _NAMES,
            option("--settle", metavar="SECONDS", type=seconds, text="quiet before acting (default: 0.5)"),
            option("--interval", metavar="SECONDS", type=period, text="between full passes (default: 600)"),
            flag("--poll", text="look every 2 seconds: for network file systems"),
            flag("--once", text="end after one settled pass"),
            _METRICS,
            _JOBS,
        ),
    ),
    Command(
        "service",
        "let systemd, or launchd on macOS, run watch for you",
        (
            position("action", "what to do", choices=("install", "uninstall", "show", "status")),
            flag("--poll", text="let it poll, as watch --poll"),
            _METRICS,
        ),
    ),
    Command(
        "prune",
        "list what envsync made and nothing declares any more, and old generations; remove them with --yes",
        (
            flag("--yes", text="remove them"),
            Argument(
                ("--all",),
                {"dest": "everything", "action": "store_true", "help": "also the generations that are kept"},
            ),
        ),
    ),
    Command(
        "move",
        "make the directory at an environment's path its target, and path a symlink to it",
        (_ONE,),
    ),
    Command(
        "run",
        "run a command in an environment, as if it were activated",
        (
            _ONE,
            position(
                "words", "the command, with its options; your shell where none is given", nargs="*", metavar="CMD"
            ),
        ),
    ),
    Command(
        "which",
        "print where an environment is",
        (
            _THIS,
            Argument(("--python",), {"dest": "interpreter", "action": "store_true", "help": "its Python instead"}),
            flag("--here", text="that of the project around the current directory; exit status 1 if there is none"),
        ),
    ),
    Command(
        "activate",
        "print what activates an environment, for a shell to evaluate; with the hook it takes effect at once",
        (
            _THIS,
            Argument(("--shell",), {"choices": ("sh", *SHELLS), "help": "the shell (default: the one that calls)"}),
        ),
    ),
    Command(
        "hook",
        "print functions for a shell's settings, with which `envsync activate NAME` takes effect in it",
        (
            position("shell", "the shell that is to read it", choices=("bash", "zsh", "fish")),
            flag("--cd", text="also activate a project's environment on entering it, and deactivate it on leaving"),
        ),
    ),
    Command("edit", "open the manifest in $VISUAL or $EDITOR, and check it afterwards"),
    Command("init", "write a manifest with the interpreters of this machine, where none is"),
    Command(
        "import",
        "declare the environments that are found below some directories",
        (
            position(
                "paths", "directories to look into; the current one where none is given", nargs="*", metavar="PATH"
            ),
            flag("--cross", text="look into other file systems too"),
            flag("--freeze", text="record the packages that were asked for by name"),
            flag("--versions", text="with --freeze: at the versions that are installed"),
            flag("--dry-run", text="show what would be declared"),
        ),
    ),
    Command(
        "add",
        "declare an environment; what is not given is what the project in the current directory says",
        (position("names", "its name; that of the current directory if none", nargs="?", metavar="NEW_NAME"),),
        takes_keys=True,
    ),
    Command(
        "remove",
        "take environments out of the manifest; nothing is deleted but their entries",
        (position("names", f"environments: {_ANY}", nargs="+", metavar="NAME"),),
    ),
    Command(
        "trust",
        "let a manifest that lies in a clone run programs and change files",
        (_MANIFESTS, flag("--list", text="list those that are trusted")),
    ),
    Command("untrust", "no longer trust a manifest", (_MANIFESTS,)),
    Command("schema", "print the manifest's JSON Schema, for editors; with --json in a document, as schema_document"),
    Command(
        "completion",
        "print a script with which a shell completes commands, options and names",
        (position("shell", "the shell that is to read it", choices=SHELLS),),
    ),
    Command(
        "graph",
        "draw which environments depend on which interpreter, and through which links",
        (
            _NAMES,
            Argument(
                ("--format",),
                {"choices": ("tree", "mermaid", "dot"), "help": "default: tree on a terminal, otherwise mermaid"},
            ),
        ),
    ),
    Command(
        "doctor",
        "check this machine, or tell what depends on an interpreter and what would become of it without",
        (
            position(
                "python",
                "an interpreter's path, its tree, or a version such as 3.12; without it, the machine is checked",
                nargs="?",
                metavar="PYTHON",
            ),
        ),
    ),
    Command(
        "rollback",
        "undo an environment's last install, upgrade or rebuild: swap back to its latest generation",
        (
            _ONE,
            flag("--pin", text="where the interpreter link has moved on: declare the former Python, so that it stays"),
            flag("--dry-run", text="show what it would go back to; change nothing"),
        ),
    ),
)

ALIASES = {"ls": "status", "list": "status", "diff": "plan", "sync": "apply", "rm": "remove"}
"""Other words that mean the same as a command, and work."""
