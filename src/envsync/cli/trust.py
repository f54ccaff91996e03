"""The commands ``trust`` and ``untrust``: whether a manifest that was found, as in a clone, may be applied."""

import os

from envsync.cli.options import Options
from envsync.cli.result import DONE, Result, Verdict
from envsync.manifest import load
from envsync.manifest.find import NAME, OWN, absolute, current_directory, find, upwards
from envsync.model.problems import ManifestError, Problem, UsageError
from envsync.observe.trust import Record, place_of, record_for, record_of, records, refuse_strangers
from envsync.report.terminal import Paint, abbreviate_home
from envsync.write.user_files import forget_trust, record_trust


def _trust(options: Options) -> Result:
    """Trust manifests. Raises ``ManifestError``, also for one that cannot be read."""
    if options.list:
        return _listed()
    lines, trusted = [], []
    for file, origin in _named(options):
        if origin == OWN:
            lines.append(f"{file} is in your configuration directory and needs no trust")
            continue
        refuse_strangers([file])
        manifest = load(file)
        refuse_strangers(manifest.sources)
        record = record_for(manifest)
        record_trust(record)
        trusted.append(record)
        more = len(manifest.sources) - 1
        lines.append(f"trusted {file}" + (f" and {more} included {'file' if more == 1 else 'files'}" if more else ""))
    if trusted:
        lines.append("programs that it names may run and change files as you; to undo: envsync untrust")
    return _result(lines, trusted, changed=bool(trusted))


def _untrust(options: Options) -> Result:
    """Stop trusting manifests, whether or not they exist."""
    lines, removed = [], []
    for file, _ in _named(options):
        record = record_of(place_of(file))
        if record is None:
            lines.append(f"{file} was not trusted")
        else:
            forget_trust(record)
            removed.append(record)
            lines.append(f"{file} is no longer trusted; what was made from it stays")
    return _result(lines, removed, changed=bool(removed))


def _listed() -> Result:
    found = records()
    lines = [one.manifest + ("" if os.path.lexists(one.manifest) else " (missing)") for one in found]
    return _result(lines or ["no manifest has been trusted"], found, changed=False)


def _named(options: Options) -> list[tuple[str, str]]:
    """Return the manifests that the command line names, each as (file, origin)."""
    if not options.paths:
        return [find(options.file)]
    if options.file is not None:
        raise UsageError(Problem("usage", "--file and PATH both name a manifest", "Use one of them."))
    return [find(_file(path)) for path in options.paths]


def _file(path: str) -> str:
    """Return the manifest that a path names: itself, or for a directory the nearest one in or above it."""
    place = absolute(path, current_directory())
    if not os.path.isdir(place):
        return place
    file = upwards(place)
    if file is None:
        message = f"{place} and the directories above it have no {NAME}"
        raise ManifestError((Problem("manifest-missing", message, "Name the manifest itself."),))
    return file


def _result(lines: list[str], entries: list[Record] | tuple[Record, ...], *, changed: bool) -> Result:
    def show(_: Paint) -> list[str]:
        return [abbreviate_home(line) for line in lines]

    more = {"manifests": [{"manifest": one.manifest, "leads_to": one.end} for one in entries]}
    return Result(None, Verdict("applied" if changed else "in-sync", DONE), (), show, more=more | {"changed": changed})


COMMANDS = {"trust": _trust, "untrust": _untrust}
