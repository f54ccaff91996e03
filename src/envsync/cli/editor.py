"""The command ``edit``: the manifest in the user's own editor, checked afterwards."""

import os
import shutil
import signal
import subprocess
import sys

from envsync.apply.declare import renew_trust
from envsync.cli.consent import answer, may_ask
from envsync.cli.options import Options
from envsync.cli.output import paint
from envsync.cli.result import DONE, Result, Verdict
from envsync.manifest import load
from envsync.manifest.find import find
from envsync.model.desired import Manifest
from envsync.model.problems import EnvsyncError, ManifestError, Problem
from envsync.model.system import VARIABLES
from envsync.observe.files import read_text
from envsync.observe.trust import refuse_strangers
from envsync.report.terminal import abbreviate_home, escape
from envsync.report.text import problem_lines

_USUAL = ("sensible-editor", "editor", "nano", "vim", "vi")


def _edit(options: Options) -> Result:
    """Open the manifest in force, at the end of its links: an editor that replaces files replaces none of those.

    Raises ``ManifestError`` where there is none, or where it is invalid afterwards and is to stay so.
    """
    file, _ = find(options.file)
    refuse_strangers([file])
    place = os.path.realpath(file)
    if not os.path.isfile(place):
        raise ManifestError((Problem("manifest-missing", f"{file} does not exist", "Write one: envsync init"),))
    before, former = _valid(file), read_text(place)
    manifest = _edited(options, file, place)
    if before is not None:
        renew_trust(before, manifest)
    changed = read_text(place) != former
    line = abbreviate_home(escape(f"{file} is {'changed' if changed else 'as it was'}, and valid"))
    lines = [line, *(["make it so: envsync apply; first see: envsync plan"] if changed else [])]
    verdict = Verdict("applied" if changed else "in-sync", DONE)
    return Result(file, verdict, (), lambda _: lines, more={"changed": changed})


def _edited(options: Options, file: str, place: str) -> Manifest:
    """Return the manifest as it was edited, once or until it is valid. Raises as ``_edit`` does."""
    while True:
        _open(place)
        try:
            return load(file)
        except ManifestError as error:
            if not _again(options, error):
                raise


def _valid(file: str) -> Manifest | None:
    try:
        return load(file)
    except ManifestError:
        return None


def _open(file: str) -> None:
    """Run the editor and wait for its end. Raises ``EnvsyncError`` where it fails, or there is none."""
    named = (VARIABLES.get(variable, "").strip() for variable in ("VISUAL", "EDITOR"))
    editor = next(filter(None, named), None) or next(filter(shutil.which, _USUAL), None)
    if editor is None:
        raise EnvsyncError(Problem("cannot-run", "no editor was found", "Set $VISUAL or $EDITOR."))
    # As git does: the variable is the user's own command line, with options and quotes. Ctrl-C is the editor's.
    words = ["/bin/sh", "-c", f'{editor} "$@"', editor, file]
    handler = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        status = subprocess.run(words, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, handler)
    if status:
        message = f"the editor ended with status {status}: {editor}"
        raise EnvsyncError(Problem("cannot-run", message, "See $VISUAL and $EDITOR."))


def _again(options: Options, error: ManifestError) -> bool:
    """Report what is wrong, on a terminal, and ask whether to edit again."""
    if not may_ask(options):
        return False
    for line in problem_lines(error.problems, paint(options, sys.stderr)):
        sys.stderr.write(f"{line}\n")
    return answer("Edit again? [Y/n] ") in {"", "y", "yes"}


COMMANDS = {"edit": _edit}
