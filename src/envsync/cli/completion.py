"""The command ``completion``: a script by which a shell completes envsync's command line.

The script runs envsync with ``_ARGCOMPLETE`` in its environment, which :mod:`envsync.cli.completer` answers.
"""

from argcomplete.shell_integration import shellcode

from envsync.cli.options import Options
from envsync.cli.result import DONE, Result, Verdict

_TCSH = (
    "complete envsync 'c/--file=/f/' 'n/--file/f/' 'C@~/*@f@' 'p@*@`env _ARGCOMPLETE=1 _ARGCOMPLETE_SHELL=tcsh "
    '_ARGCOMPLETE_SUPPRESS_SPACE=1 _ARGCOMPLETE_STDOUT_FILENAME=/dev/stdout COMP_LINE="$COMMAND_LINE" envsync`@\'\n'
)
"""argcomplete's own script calls a program that it no longer installs."""


def script(shell: str) -> str:
    """Return the script for one of :data:`envsync.cli.arguments.SHELLS`."""
    if shell == "tcsh":
        return _TCSH
    # No defaults: they are file names, wherever nothing else fits. And it is the envsync of PATH that answers, not the
    # one that the line names, which may be a file of somebody's clone.
    text = shellcode(["envsync"], use_defaults=False, shell=shell, argcomplete_script="envsync")
    # As a file's name, what begins with ~ stays unquoted in zsh.
    return text.replace('"${nosort[@]}"', '"${nosort[@]}" ${${(M)PREFIX:#\\~*}:+-f}') if shell == "zsh" else text


def _completion(options: Options) -> Result:
    text = script(options.shell)
    more = {"completion": {"shell": options.shell, "script": text}}
    return Result(None, Verdict("in-sync", DONE), (), lambda _: text.splitlines(), more=more)


COMMANDS = {"completion": _completion}
