"""Open the manifest that a command is about: one that was found, not named, may have to be trusted first."""

import contextlib
import os
import sys
from dataclasses import dataclass, replace
from enum import Enum

from envsync.cache.store import Cache, cache_directory
from envsync.cli.options import Options
from envsync.manifest import load
from envsync.manifest.cached import recall
from envsync.manifest.find import NAMED, OWN, SET, demanded, find
from envsync.model.desired import Manifest
from envsync.observe.trust import (
    TrustLevel,
    advice_for,
    distrust_of,
    record_for,
    refuse_strangers,
    refused,
    trust_level,
)
from envsync.report.terminal import abbreviate_home, escape
from envsync.write.user_files import note_trust


class Untrusted(Enum):
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


def cache_for(options: Options) -> Cache:
    """Return what earlier passes found; nothing with ``--no-cache``."""
    return Cache(None if options.no_cache else cache_directory())


def opened(options: Options, untrusted: Untrusted = Untrusted.REFUSE) -> Opened:
    """Return the manifest that a command is about. Raises ``ManifestError``, or ``UntrustedError`` where it is refused.

    One of another user's is always refused, and not even read.
    """
    file, origin = find(options.file)
    needed = demanded(origin, as_trusted=options.as_trusted)
    if needed or origin == OWN:
        refuse_strangers([file])
    known = recall(file, cache_for(options))
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


def _judged(manifest: Manifest, needed: int) -> Manifest:
    """Say of a manifest whether it may be carried out. Raises ``UntrustedError`` where a stranger's file is in it."""
    if not needed:
        return manifest
    refuse_strangers(manifest.sources)
    known = trust_level_of(manifest)
    return manifest if known >= needed else replace(manifest, distrust=distrust_of(known))


def trust_level_of(manifest: Manifest) -> TrustLevel:
    """Return how far a manifest is trusted, as it was read."""
    return trust_level(manifest.file, manifest.sources)


def warn(options: Options, manifest: Manifest) -> None:
    """Say that a manifest is not trusted, for a command whose lines do not."""
    if manifest.distrust and not (options.json or options.quiet):
        line = f"{manifest.file} {manifest.distrust}; nothing that it names was looked at. {advice_for(manifest.file)}"
        sys.stderr.write(f"envsync: {abbreviate_home(line)}\n")


def trust_written(options: Options, manifest: Manifest) -> None:
    """Note that a manifest is trusted that was just written where the options say: it may be found there later."""
    if find(options.file)[1] in {NAMED, SET}:
        with contextlib.suppress(OSError):  # then it has to be trusted by hand
            note_trust(record_for(manifest))


def renew(before: Manifest, now: Manifest) -> None:
    """Note what a manifest says after a change by envsync itself, where it was trusted as it was before."""
    if now.sources != before.sources and trust_level_of(before) is TrustLevel.UNCHANGED:
        with contextlib.suppress(OSError):  # then hooks ask again
            note_trust(record_for(now))


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
    how = "is new here" if trust_level_of(manifest) is TrustLevel.UNTRUSTED else "has changed since it was trusted"
    sys.stderr.write(f"{what} {how}; it may run programs. Trust it? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
