"""Ctrl-C before a command has begun is as quiet as later."""

import subprocess
import sys

_EARLY = """
import signal, sys
from importlib.abc import MetaPathFinder

class Interrupting(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "envsync.cli.main":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from envsync.__main__ import main
sys.argv[1:] = ["plan"]
sys.exit(main())
"""


def test_an_interruption_while_it_is_loaded_shows_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", _EARLY], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "envsync: interrupted\n")
