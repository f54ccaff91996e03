"""The commands ``trust`` and ``untrust``: whether a manifest that lies in a clone may be carried out."""

import os

from envsync.cli.options import Options
from envsync.cli.result import DONE, Result, Verdict
from envsync.manifest import load
from envsync.manifest.find import NAME, OWN, absolute, current_directory, find, upwards
from envsync.model.problems import ManifestError, Problem, UsageError
from envsync.observe.trust import Record, place_of, record_for, record_of, records, refuse_strangers
from envsync.report.terminal import Paint, abbreviate_home
from envsync.write.user_files import forget_trust, note_trust


def _trust(options: Options) -> Result:
    """Note that manifests are trusted. Raises ``ManifestError``, also for one that cannot be read."""
    if options.list:
        return _listed()
    lines, noted = [], []
    for file, origin in _meant(options):
        if origin == OWN:
            lines.append(f"{file} is your own, and needs no trust")
            continue
        refuse_strangers([file])
        manifest = load(file)
        refuse_strangers(manifest.sources)
        record = record_for(manifest)
        note_trust(record)
        noted.append(record)
        more = len(manifest.sources) - 1
        lines.append(f"trusted {file}" + (f" and {more} that it includes" if more else ""))
    if noted:
        lines.append("what it names may run and change files, as you; take it back with: envsync untrust")
    return _result(lines, noted, changed=bool(noted))


def _untrust(options: Options) -> Result:
    """Forget that manifests are trusted; they need not be there any more."""
    lines, gone = [], []
    for file, _ in _meant(options):
        record = record_of(place_of(file))
        if record is None:
            lines.append(f"{file} was not trusted")
        else:
            forget_trust(record)
            gone.append(record)
            lines.append(f"{file} is not trusted any more; what it made is left as it is")
    return _result(lines, gone, changed=bool(gone))


def _listed() -> Result:
    found = records()
    lines = [one.manifest + ("" if os.path.lexists(one.manifest) else " (missing)") for one in found]
    return _result(lines or ["no manifest is trusted by name"], found, changed=False)


def _meant(options: Options) -> list[tuple[str, str]]:
    """Return the manifests that the command line means, each with how it was come by."""
    if not options.paths:
        return [find(options.file)]
    if options.file is not None:
        raise UsageError(Problem("usage", "--file and PATH both name a manifest", "Give one of them."))
    return [find(_file(path)) for path in options.paths]


def _file(path: str) -> str:
    """Return the manifest that a path means: itself, or for a directory the nearest one in or above it."""
    place = absolute(path, current_directory())
    if not os.path.isdir(place):
        return place
    file = upwards(place)
    if file is None:
        message = f"there is no {NAME} in {place} or above it"
        raise ManifestError((Problem("manifest-missing", message, "Name the manifest itself."),))
    return file


def _result(lines: list[str], entries: list[Record] | tuple[Record, ...], *, changed: bool) -> Result:
    def show(_: Paint) -> list[str]:
        return [abbreviate_home(line) for line in lines]

    more = {"manifests": [{"manifest": one.manifest, "leads_to": one.end} for one in entries]}
    return Result(None, Verdict("applied" if changed else "in-sync", DONE), (), show, more=more | {"changed": changed})


COMMANDS = {"trust": _trust, "untrust": _untrust}
