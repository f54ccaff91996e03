"""The manifest that one begins with. Pure."""

from collections.abc import Iterable

from envsync.edit.adopt import shortened
from envsync.manifest.paths import is_literal
from envsync.observe.discover import Candidate

__all__ = ["template"]

_HEAD = """\
# The virtual environments of this machine: `envsync apply` makes them so, `envsync plan` shows what it would do.
# Every key, with what it means: `envsync schema`.

version = 1

# state-dir = "~/.local/state/envsync/envs"   # where relative targets lie
# keep = 1                                    # generations kept of each environment, for `envsync rollback`

[pythons]                                     # names for interpreter links; these were found here
"""
_TAIL = """
# [envs.blog]
# path = "~/src/blog/.venv"                   # where people and tools find it
# target = "blog"                             # path is then a symlink into state-dir
# python = {python}                             # a name from above, a path, or a version request such as ">=3.11"
"""
_OLDEST = (3, 7)


def template(candidates: Iterable[Candidate], home: str) -> str:
    """Give a commented manifest that names the interpreters found, by the links that survive upgrades.

    One without such a link stands in a comment: by name it would be pinned, where a version request follows.
    """
    best: dict[str, Candidate] = {}
    for candidate in sorted(candidates, key=lambda one: (one.stable, one.version), reverse=True):
        if candidate.version >= _OLDEST and not candidate.loose and not candidate.last_resort:
            best.setdefault(_name(candidate), candidate)
    ordered = sorted(best.items(), key=lambda item: (item[1].implementation != "cpython", item[1].version[:2]))
    lines = [_line(name, candidate, home) for name, candidate in ordered if is_literal(candidate.link)]
    stable = [name for name, candidate in ordered if candidate.stable and name == _minor(candidate)]
    return _HEAD + "".join(lines) + _TAIL.replace("{python}", f'"{stable[-1] if stable else "3.12"}"')


def _name(candidate: Candidate) -> str:
    implementation = "" if candidate.implementation == "cpython" else candidate.implementation
    return f"{implementation}{_minor(candidate)}{'t' if candidate.free_threaded else ''}"


def _minor(candidate: Candidate) -> str:
    return ".".join(map(str, candidate.version[:2]))


def _line(name: str, candidate: Candidate, home: str) -> str:
    path = shortened(candidate.link, home).replace("\\", "\\\\").replace('"', '\\"')
    if candidate.stable:
        return f'"{name}" = "{path}"\n'
    return f'# "{name}" = "{path}"   # names one patch release\n'
