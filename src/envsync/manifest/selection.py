"""Resolve what is written where a NAME may stand: a name, a path, or a glob.

- A word that is a name is that environment, whatever else bears it.
- A word with a slash, or that begins with ``.`` or ``~``, is a path. It means the environments at or below it, or else
  the one in which it lies, or else that of the project around it. Each is known by its `path`, aliases, target and
  `project`, as written and as they really are.
- A word with ``*``, ``?`` or ``[`` is a glob of names, or of paths where there is a slash in it.

Nothing is read but links; nothing is written.
"""

import fnmatch
import glob
import os
from collections.abc import Iterable, Iterator

from envsync.manifest import check_names
from envsync.manifest.find import absolute, current_directory
from envsync.manifest.paths import shortened
from envsync.manifest.wording import escaped
from envsync.model.desired import Environment, Manifest
from envsync.model.problems import Problem, UsageError

_IN_PROJECTS = frozenset({".venv", "venv", ".env", "env"})
"""What environments that lie in the project that they are for are called."""
_MOST_NAMED = 20


def selected(manifest: Manifest, words: Iterable[str], *, elsewhere: bool = False) -> tuple[str, ...]:
    """Return the names that ``words`` mean, each once, in the order of the words.

    With ``elsewhere``, environments of other hosts can be named too. Raises ``UsageError`` for a word that means none.
    """
    return tuple(dict.fromkeys(name for word in words for name in _names(manifest, word, elsewhere=elsewhere)))


def the_one(manifest: Manifest, word: str) -> Environment:
    """Return the one environment that ``word`` means, as :func:`only_name` has it. Raises ``UsageError`` likewise."""
    name = only_name(manifest, word)
    return next(one for one in manifest.environments if one.name == name)


def only_name(manifest: Manifest, word: str, *, elsewhere: bool = False) -> str:
    """Return the one name that ``word`` means; of several, that which belongs to the very directory named.

    With ``elsewhere``, it may be another host's. Raises ``UsageError`` for a word that means none, or more than one.
    """
    names = _names(manifest, word, elsewhere=elsewhere)
    if len(names) > 1 and _is_path(word) and not glob.has_magic(word):
        tops = _both(_place(word))
        named = [one for one in manifest.environments if one.name in names]
        names = tuple(one.name for one in named if tops & {*_owners(one), *places(one)}) or names
    if len(names) == 1:
        return names[0]
    listed = ", ".join(names[:_MOST_NAMED]) + (" ..." if len(names) > _MOST_NAMED else "")
    message = f"{escaped(word)} means {len(names)} environments, and one is needed: {listed}"
    raise UsageError(Problem("ambiguous-name", message, "Write the name of one.", file=manifest.file))


def enclosing(manifest: Manifest, directory: str) -> Environment | None:
    """Return the environment in which a directory lies, or that of the nearest project around it, if there is just one.

    The search ends at a repository's root, and before the home directory.
    """
    found = _around(manifest.environments, directory)
    return found[0] if len(found) == 1 else None


def _names(manifest: Manifest, word: str, *, elsewhere: bool) -> tuple[str, ...]:
    known = [one.name for one in manifest.environments]
    if word in known or (elsewhere and word in manifest.elsewhere):
        return (word,)
    if not word:
        raise UsageError(Problem("unknown-name", "a NAME is empty", "Write a name, a path or a glob."))
    if glob.has_magic(word):
        return _matching(manifest, word, [*known, *(manifest.elsewhere if elsewhere else ())])
    if _is_path(word):
        return _at(manifest, word)
    if word not in manifest.elsewhere and (names := _at_directory(manifest, word)):
        message = f"no environment is called {word}; the directory ./{escaped(word)} holds {', '.join(names)}"
        hint = f"Write {names[0]}, or the path: ./{escaped(word)}"
        raise UsageError(Problem("unknown-name", message, hint, file=manifest.file))
    check_names(manifest, (word,))
    raise AssertionError(word)


def _is_path(word: str) -> bool:
    return "/" in word or word.startswith((".", "~"))


def _place(word: str) -> str:
    try:
        here = "/" if word.startswith(("/", "~")) else current_directory()
    except OSError as error:
        message = f"{escaped(word)} is relative, and the current directory no longer exists"
        raise UsageError(Problem("unknown-name", message, "Write an absolute path, or a name.")) from error
    return absolute(os.path.expanduser(word), here)


def _matching(manifest: Manifest, pattern: str, known: list[str]) -> tuple[str, ...]:
    if _is_path(pattern):
        patterns = _with_real(_place(pattern))
        found = [one.name for one in manifest.environments if _matches(one, patterns)]
    else:
        found = fnmatch.filter(known, pattern)
    if found:
        return tuple(found)
    hint = f"There are: {', '.join(known[:_MOST_NAMED]) or 'none'}."
    raise UsageError(Problem("unknown-name", f"no environment matches {escaped(pattern)}", hint, file=manifest.file))


def _with_real(pattern: str) -> set[str]:
    """Return a pattern, also with the directory before its first glob as it really is, and each for what is below."""
    parts = pattern.split("/")
    first = next(at for at, part in enumerate(parts) if glob.has_magic(part))
    real = "/".join([os.path.realpath("/".join(parts[:first]) or "/").rstrip("/"), *parts[first:]])
    return {form for one in (pattern, real) for form in (one, f"{one.rstrip('/')}/*")}


def _matches(one: Environment, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(place, pattern) for place in places(one) for pattern in patterns)


def _at(manifest: Manifest, word: str) -> tuple[str, ...]:
    place = _place(word)
    found = _below(manifest.environments, place) or (
        _around(manifest.environments, place) if os.path.lexists(place) else ()
    )
    if found:
        return tuple(one.name for one in found)
    shown = shortened(place, os.path.expanduser("~"))
    what = "at or below" if os.path.lexists(place) else "at"
    message = f"no environment is declared {what} {escaped(shown)}"
    raise UsageError(Problem("unknown-name", message, _near(manifest, place), file=manifest.file))


def _at_directory(manifest: Manifest, word: str) -> tuple[str, ...]:
    """Return the names of what a directory of that name in the current one holds."""
    try:
        place = absolute(word, current_directory())
    except OSError:
        return ()
    return tuple(one.name for one in _below(manifest.environments, place)) if os.path.isdir(place) else ()


def _near(manifest: Manifest, place: str) -> str:
    """Return a hint for a place: how to declare one in a directory, else what shares most of the way to it."""
    if os.path.isdir(place):
        return "Declare one, in that directory: envsync add"
    if not manifest.environments:
        return "Nothing is declared: envsync add, or envsync import PATH"

    def shared(one: Environment) -> int:
        return max(len(os.path.commonpath((place, path))) for path in (one.path, *one.aliases))

    nearest = max(manifest.environments, key=shared)
    return f"The nearest is {nearest.name}: {escaped(shortened(nearest.path, os.path.expanduser('~')))}"


def _below(environments: Iterable[Environment], place: str) -> tuple[Environment, ...]:
    """Return the environments at or below a place."""
    tops = _both(place)
    return tuple(one for one in environments if any(_is_within(path, tops) for path in places(one)))


def _around(environments: tuple[Environment, ...], place: str) -> tuple[Environment, ...]:
    """Return the environment in which a place lies, else those of the nearest project around it."""
    tops = {*_both(place), os.path.join(os.path.realpath(os.path.dirname(place)), os.path.basename(place))}
    if inside := tuple(one for one in environments if any(_is_within(top, places(one, project=False)) for top in tops)):
        return inside
    for start in (place, os.path.realpath(place)):
        for directory in _upwards(start):
            if owned := tuple(one for one in environments if directory in _owners(one)):
                return tuple(one for one in owned if one.path == f"{directory}/.venv") or owned
    return ()


def _upwards(place: str) -> Iterator[str]:
    """Yield a directory and those above it, to the root of its repository, and never home or what is above."""
    home = os.path.expanduser("~")
    directory = place
    while directory != "/" and not _is_within(home, {directory}):
        yield directory
        if os.path.lexists(f"{directory}/.git"):
            return
        directory = os.path.dirname(directory)


def places(one: Environment, *, project: bool = True) -> set[str]:
    """Return all paths by which an environment is known, as written and as they really are."""
    declared = [one.path, *one.aliases, *([one.target] if one.target else [])]
    declared += [one.packages.project] if project and one.packages.project else []
    return {path for text in declared for path in _both(text)}


def _owners(one: Environment) -> set[str]:
    """Return the directories of the project that an environment is for, as written and as they really are."""
    directories = [os.path.dirname(path) for path in (one.path, *one.aliases) if os.path.basename(path) in _IN_PROJECTS]
    directories += [one.packages.project] if one.packages.project else []
    return {path for text in directories for path in _both(text)}


def _both(path: str) -> set[str]:
    return {path, os.path.realpath(path)}


def _is_within(path: str, tops: Iterable[str]) -> bool:
    return any(f"{path.rstrip('/')}/".startswith(f"{top.rstrip('/')}/") for top in tops)
