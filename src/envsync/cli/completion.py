"""The command ``completion``: a script with which a shell completes envsync's command line.

The script asks for names of environments by ``envsync completion --names``, which
:mod:`envsync.__main__` answers itself.
"""

from envsync.cli.options import Options
from envsync.cli.result import DONE, Result, Verdict
from envsync.cli.shells import bash, fish, zsh

_SCRIPTS = {"bash": bash.script, "zsh": zsh.script, "fish": fish.script}


def _completion(options: Options) -> Result:
    script = _SCRIPTS[options.shell]()
    more = {"completion": {"shell": options.shell, "script": script}}
    return Result(None, Verdict("in-sync", DONE), (), lambda _: script.splitlines(), more=more)


COMMANDS = {"completion": _completion}
