"""Open the manifest that a command is about: one that was found, not named, may have to be trusted first."""

import contextlib
import os
import sys
from dataclasses import dataclass, replace
from enum import StrEnum

from envsync.cache.fast_path import cache_file
from envsync.cache.store import read_cache_file
from envsync.cli.options import Options
from envsync.manifest import load
from envsync.manifest.cached import recall
from envsync.manifest.find import OWN, demanded, find
from envsync.model.desired import Manifest
from envsync.observe.trust import Standing, advice_for, distrust_of, record_for, refuse_strangers, refused, standing_of
from envsync.report.terminal import abbreviate_home, escape
from envsync.write.user_files import note_trust


class Untrusted(StrEnum):
    """What a command does about a manifest that is not trusted."""

    REFUSE = "refuse"
    ASK = "ask"
    """On a terminal; else refuse."""
    SHOW = "show"
    """Show what it declares, and look at nothing that it names."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A manifest, and how it came to be the one."""

    manifest: Manifest
    """Its ``distrust`` says whether it may only be shown."""
    origin: str
    known: bool = False
    """Whether it is known from an earlier pass."""


def opened(options: Options, untrusted: Untrusted = Untrusted.REFUSE) -> Opened:
    """Return the manifest that a command is about. Raises ``ManifestError``, or ``UntrustedError`` where it is refused.

    One of another user's is always refused, and not even read.
    """
    file, origin = find(options.file)
    needed = demanded(origin, as_trusted=options.as_trusted)
    if needed or origin == OWN:
        refuse_strangers([file])
    known = None if options.no_cache else _recalled(file)
    manifest = known or load(file)
    if origin == OWN:
        refuse_strangers(manifest.sources)
    found = Opened(_judged(manifest, needed), origin, known=known is not None)
    distrust = found.manifest.distrust
    if not distrust or untrusted is Untrusted.SHOW:
        return found
    asks = untrusted is Untrusted.ASK and not options.as_trusted and _may_ask(options)
    if not (asks and _agreed(found.manifest)):
        raise refused(file, distrust)
    note_trust(record_for(found.manifest))
    return replace(found, manifest=replace(found.manifest, distrust=""))


def reopened(file: str, origin: str, *, as_trusted: bool) -> Manifest:
    """Read a manifest again for a command that goes on while it changes: where it is not trusted now, to be shown only.

    Whether it is trusted is among what it depends on. Raises as :func:`opened` does.
    """
    needed = demanded(origin, as_trusted=as_trusted)
    if not needed:
        return load(file)
    refuse_strangers([file])
    return minding_trust(_judged(load(file), needed), origin, as_trusted=as_trusted)


def minding_trust(manifest: Manifest, origin: str, *, as_trusted: bool = False) -> Manifest:
    """Count the note on whether a manifest is trusted among what it depends on, where that matters."""
    if not demanded(origin, as_trusted=as_trusted):
        return manifest
    inputs = replace(manifest.inputs, paths=(*manifest.inputs.paths, record_for(manifest).file))
    return replace(manifest, inputs=inputs)


def _recalled(file: str) -> Manifest | None:
    with contextlib.suppress(OSError):
        return recall(file, read_cache_file(cache_file("manifest", file)))
    return None


def _judged(manifest: Manifest, needed: int) -> Manifest:
    """Say of a manifest whether it may be carried out. Raises ``UntrustedError`` where a stranger's file is in it."""
    if not needed:
        return manifest
    refuse_strangers(manifest.sources)
    known = standing_of(manifest)
    return manifest if known >= needed else replace(manifest, distrust=distrust_of(known))


def warn(options: Options, manifest: Manifest) -> None:
    """Say that a manifest is not trusted, for a command whose lines do not."""
    if manifest.distrust and not (options.json or options.quiet):
        line = f"{manifest.file} {manifest.distrust}; nothing that it names was looked at. {advice_for(manifest.file)}"
        sys.stderr.write(f"envsync: {abbreviate_home(line)}\n")


def _may_ask(options: Options) -> bool:
    """Check whether somebody sits there who can see the question and answer it."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return not (options.json or options.quiet) and all(stream is not None and stream.isatty() for stream in streams)


def _agreed(manifest: Manifest) -> bool:
    directory, name = os.path.split(manifest.file)
    more = len(manifest.sources) - 1
    what = f"{escape(name)} of {abbreviate_home(directory)}" + (
        f" and the files that it includes ({more})" if more else ""
    )
    how = "is new here" if standing_of(manifest) is Standing.UNTRUSTED else "has changed since it was trusted"
    sys.stderr.write(f"{what} {how}; it may run programs. Trust it? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
