"""The commands for what is there: clear up, move."""

import os
from functools import partial

from envsync import snapshot
from envsync.apply.move import move
from envsync.apply.prune import prune
from envsync.cli.consent import opened
from envsync.cli.options import Options
from envsync.cli.session import DONE, TROUBLE, Result, Session, settings_of
from envsync.cli.signals import deferred
from envsync.errors import EnvsyncError, Problem
from envsync.observe.interrupted import find_interrupted
from envsync.observe.orphans import find_exposed, find_generations, find_orphans
from envsync.plan.prune import plan_prune
from envsync.report.document import Verdict
from envsync.report.paint import Paint, homely
from envsync.report.removals import removal_entries, removal_lines

__all__ = ["COMMANDS"]


def _prune(options: Options) -> Result:
    manifest = opened(options).manifest  # one that cannot be read declares nothing, and prunes nothing
    orphans = find_orphans(manifest)
    for folder in manifest.inputs.listed:
        if not os.path.isdir(folder):  # unmounted, or not checked out: what it declares is not known
            message = f"{folder}, from which manifests are included, is not there"
            raise EnvsyncError(Problem("manifest-missing", message, "Nothing was pruned. Bring it back first."))
    exposed = find_exposed(manifest, [one for one in orphans if not (one.loose or one.linked)])
    settings = settings_of(manifest, options)
    interrupted = find_interrupted(manifest, settings.locks)
    removals = plan_prune(orphans, find_generations(manifest), interrupted, exposed, everything=options.everything)
    done = None
    if options.yes and removals:
        snapshot.forget(manifest.file)
        with deferred():
            done = prune(removals, settings)
    failed = any((done or {}).values())
    status = "failed" if failed else "applied" if done else "in-sync" if not removals else "drift"
    verdict = Verdict(status, TROUBLE if failed else DONE)
    show = partial(removal_lines, removals, done)
    return Result(manifest.file, verdict, (), show, more={"removals": removal_entries(removals, done)})


def _move(options: Options) -> Result:
    session = Session(options)
    plan = session.plan().environments[0]
    snapshot.forget(session.manifest.file)
    with deferred():
        moved = move(plan, session.settings, session.manifest.file)
    path, target = plan.environment.path, plan.environment.target
    line = f"{path} is a symlink to {target} now" if moved else f"{path} is a symlink to {target} already"

    def show(_: Paint) -> list[str]:
        return [homely(line)]

    return Result(session.manifest.file, Verdict("applied" if moved else "in-sync", DONE), (), show)


COMMANDS = {"prune": _prune, "move": _move}
