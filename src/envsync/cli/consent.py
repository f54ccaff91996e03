"""Open a command's manifest: one that was found, not named, may have to be trusted first."""

import os
import sys
from dataclasses import replace
from enum import StrEnum

from envsync.cache.store import Cache, cache_directory
from envsync.cli.options import Options
from envsync.manifest import load
from envsync.manifest.cached import recall
from envsync.manifest.find import OWN, demanded, find
from envsync.model.dataclass import dataclass
from envsync.model.desired import Manifest
from envsync.model.problems import ManifestError, Problem
from envsync.observe.trust import (
    TrustLevel,
    advice_for,
    distrust_of,
    record_for,
    refuse_strangers,
    refused,
    trust_level_of,
)
from envsync.report.terminal import abbreviate_home, escape
from envsync.write.user_files import record_trust


class Untrusted(StrEnum):
    """What a command does about a manifest that is not trusted."""

    REFUSE = "refuse"
    ASK = "ask"
    """On a terminal; else refuse."""
    SHOW = "show"
    """Show what it declares; read and run nothing that it names."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A manifest, and how it was found."""

    manifest: Manifest
    """Its ``distrust`` says whether it may only be shown."""
    origin: str
    """``NAMED``, ``SET``, ``OWN`` or found, as :func:`envsync.manifest.find.find` has it."""
    known: bool = False
    """Whether it came from the cache."""


def cache_for(options: Options) -> Cache:
    """Return what earlier passes found; nothing with ``--no-cache``."""
    return Cache(None if options.no_cache else cache_directory())


def opened(options: Options, untrusted: Untrusted = Untrusted.REFUSE) -> Opened:
    """Return the manifest that a command uses. Raises ``ManifestError``, or ``UntrustedError`` where it is refused.

    Another user's manifest is always refused, unread.
    """
    file, origin = find(options.file)
    if not os.path.lexists(file):
        hint = "Check the name, or write one there: envsync init"
        raise ManifestError((Problem("manifest-missing", "does not exist", hint, file),))
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
    asks = untrusted is Untrusted.ASK and not options.as_trusted and may_ask(options)
    if not (asks and _agreed(found.manifest)):
        raise refused(file, distrust)
    record_trust(record_for(found.manifest))
    return replace(found, manifest=replace(found.manifest, distrust=""))


def reopened(file: str, origin: str, *, as_trusted: bool) -> Manifest:
    """Return a manifest, read again for a long-running command; where it is no longer trusted, with ``distrust``.

    Its inputs include its trust record. Raises as :func:`opened` does.
    """
    needed = demanded(origin, as_trusted=as_trusted)
    if not needed:
        return load(file)
    refuse_strangers([file])
    return with_trust_record(_judged(load(file), needed), origin, as_trusted=as_trusted)


def with_trust_record(manifest: Manifest, origin: str, *, as_trusted: bool = False) -> Manifest:
    """Return a manifest whose inputs include its trust record, where it needs to be trusted."""
    if not demanded(origin, as_trusted=as_trusted):
        return manifest
    inputs = replace(manifest.inputs, paths=(*manifest.inputs.paths, record_for(manifest).file))
    return replace(manifest, inputs=inputs)


def _judged(manifest: Manifest, needed: int) -> Manifest:
    """Return a manifest, with ``distrust`` unless it may be applied. Raises ``UntrustedError``."""
    if not needed:
        return manifest
    refuse_strangers(manifest.sources)
    known = trust_level_of(manifest)
    return manifest if known >= needed else replace(manifest, distrust=distrust_of(known))


def warn(options: Options, manifest: Manifest) -> None:
    """Report that a manifest is not trusted, for a command whose output does not."""
    if manifest.distrust and not (options.json or options.quiet):
        line = f"{manifest.file} {manifest.distrust}; nothing that it names was looked at. {advice_for(manifest.file)}"
        sys.stderr.write(f"envsync: {abbreviate_home(line)}\n")


def may_ask(options: Options) -> bool:
    """Check whether a user can see a question on the terminal, and answer it."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return not (options.json or options.quiet) and all(stream is not None and stream.isatty() for stream in streams)


def _agreed(manifest: Manifest) -> bool:
    directory, name = os.path.split(manifest.file)
    more = len(manifest.sources) - 1
    included = f" and {more} included {'file' if more == 1 else 'files'}" if more else ""
    what = f"{escape(name)} in {abbreviate_home(directory)}{included}"
    how = (
        "is not trusted yet" if trust_level_of(manifest) is TrustLevel.UNTRUSTED else "has changed since you trusted it"
    )
    return agreed(f"{what} {how}; it may run programs. Trust it?")


def agreed(question: str) -> bool:
    """Ask on the terminal, and check whether the answer is yes; no answer is no."""
    return answer(f"{question} [y/N] ") in {"y", "yes"}


_PULSE = 0.2
"""Seconds after which a signal is handled at the latest that came just before waiting began."""


def answer(question: str) -> str | None:
    """Return what is answered on the terminal, in lower case; ``None`` for no answer at all."""
    import select  # noqa: PLC0415  # an extension module, for questions only

    try:
        sys.stderr.write(question)
        sys.stderr.flush()
        while not select.select([sys.stdin], [], [], _PULSE)[0]:
            pass  # read(2) alone would go on where a signal comes just before it
        typed = sys.stdin.buffer.readline()  # whatever the locale makes of it
    except KeyboardInterrupt:
        sys.stderr.write("\n")  # what comes next begins a line
        raise
    return typed.decode(errors="replace").strip().lower() if typed else None
