"""The project's words are the field's: none of its earlier private language, and English that a native reader skims."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
READ = ("src", "tests", "docs", "examples", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
SUFFIXES = {"", ".py", ".md", ".toml", ".sh", ".fish", ".yaml", ".yml", ".service", ".example"}

BANNED = {
    **dict.fromkeys(("shelf", "shelves"), "generations directory"),
    **dict.fromkeys(("mould", "moulds", "moulded", "moulding"), "template"),
    **dict.fromkeys(("vouch", "vouches", "vouched", "vouching"), "known in sync; be evidence of"),
    **dict.fromkeys(("witness", "witnesses"), "dependencies (of a verdict), evidence"),
    "heritage": "inherited attributes",
    "loose": "unowned",
    "agenda": "schedule",
    "patience": "debounce; timeout",
    "agreement": "confirmation",
    "surroundings": "process fingerprint",
    "sealed": "cache file",
    "tempo": "watch options",
    "audience": "listeners",
    "hearing": "event filter",
    "news": "change log",
    "lore": "hints",
    **dict.fromkeys(("lodger", "lodgers"), "foreign environment"),
    "homely": "abbreviate_home",
    "copyable": "shell_quoted",
    "spoilt": "damaged",
    **dict.fromkeys(("furnish", "furnishes", "furnished", "furnishing"), "install, install spec"),
    **dict.fromkeys(("workshop", "workshops"), "environment builder"),
    **dict.fromkeys(("keeper", "keepers"), "version manager"),
    "strays": "stray files, which builders and file managers leave; another manifest's staging",
    **dict.fromkeys(("leftover", "leftovers"), "interrupted staging"),
    "debris": "partial files",
    **dict.fromkeys(("area", "areas"), "staging directory"),
    **dict.fromkeys(("folder", "folders"), "directory"),
    "stock": "installed packages",
}
"""Words, and what is said instead; also as part of an identifier: ``build_shelf``, ``BuildShelf``, ``SHELF``."""

NAMES = {
    **dict.fromkeys(("said", "told", "tell", "tells"), "output, reported, report"),
    "minds": "depends_on, checks",
    "goes_by": "identifier, key",
    "its": "the thing itself",
    **dict.fromkeys(("cast", "gap", "gaps"), "render, placeholder"),
    "together": "batch",
}
"""Names of functions, classes, variables, fields and parameters."""
ROOMS = re.compile(r"(?:[A-Za-z]*[a-z])?(?:Room|Trial)")
"""``MoveRoom``, ``Trial``: what is a directory check or an exchange check, as a class."""

PHRASES = {
    "to be had": "available",
    "but for": "except for",
    "hangs on": "depends on",
    "hang on": "depend on",
    "anew": "again",
    "told of": "reported",
    "is told": "is reported",
    "are told": "are reported",
    "be told": "be reported, be determined",
    "was told": "was reported",
    "look after": "manage",
    "looked after": "managed",
    "good again": "valid again",
    "that is to say": "that is",
    "at fault": "faulty",
    "on the quiet": "silently",
    "exchanged for another": "swapped as a whole",
    "from 1 on": "of 1 or more",
    "from 0 on": "of 0 or more",
    "nothing tells": "cannot be determined",
    "nobody can tell": "cannot be determined",
    "costs only room": "only wastes disk space",
    "when that is mended": "Fix that",
    "declared no more": "no longer declared",
}
OPENINGS = re.compile(r'(?<![^\s])r?"""(Give|Tell|Say)s? ')
"""Of docstrings: *Return …*, *Report …* says which of the two it is."""

ALLOWED = {
    r'"folder"': "a kind of node in the graph's JSON, which is a contract",
    r'"folders"': "a field of the watch events, which are a contract",
    r"shape=folder": "Graphviz's name",
    r"\$\{(?:localW|w)orkspaceFolder\}|\"workspaceFolder\"": "names of VS Code and of dev containers",
    r"(?m)^ {4}(?:area|folders|leftovers): ": "where these keys are declared",
    r"`folder`": "the kind of node, in the documents",
    r"`folders`": "the same field, in the documents",
    r"\.sealed\b|`\.sealed`": "a file's name, which earlier releases wrote",
    r'"loose"': "a key in the markers of staging directories, as earlier releases wrote them",
    r'["`]area["`]': "a key of the JSON report, which is a contract",
    r'["`]leftovers["`]': "a key of the JSON report, which is a contract",
}
"""Pieces of text in which a banned word may stand, each with the reason."""

SPACE = r"(?:\s|\\n)+(?:#:? )?"
"""Between the words of a phrase, which may be broken into lines, of comments too."""


def _files() -> Iterator[Path]:
    for name in READ:
        top = ROOT / name
        for path in [top] if top.is_file() else sorted(set(top.rglob("*")) - set((ROOT / "examples/state").rglob("*"))):
            if path.is_file() and path.suffix in SUFFIXES and path != Path(__file__):
                yield path


def _as_words(words: dict[str, str]) -> re.Pattern[str]:
    """Return a pattern of words as prose and identifiers hold them: ``shelf``, ``Shelf``, ``a_shelf``, ``SHELF``.

    Not ``shelfful``, and not the end of another word: ``area`` is none in ``bugarea``.
    """
    each = "|".join(
        f"(?<![A-Za-z]){word}(?![a-z])|{word.capitalize()}(?![a-z])|(?<![A-Za-z]){word.upper()}(?![A-Za-z])"
        for word in words
    )
    return re.compile(each)


def _as_phrases(phrases: dict[str, str]) -> re.Pattern[str]:
    return re.compile("|".join(rf"\b{SPACE.join(phrase.split())}\b" for phrase in phrases), re.IGNORECASE)


WORD, PHRASE = _as_words(BANNED), _as_phrases(PHRASES)


def _faults(text: str) -> Iterator[str]:
    """Yield the banned words of a text, each with its line and what is said instead."""
    for allowed in ALLOWED:
        text = re.sub(allowed, lambda found: " " * len(found[0]), text)
    for pattern, instead in ((WORD, BANNED), (PHRASE, PHRASES)):
        for found in pattern.finditer(text):
            word = " ".join(found[0].lower().replace("#", " ").split())
            yield f"{text.count(chr(10), 0, found.start()) + 1}: {word!r}: {instead.get(word, '')}"
    for found in OPENINGS.finditer(text):
        yield f"{text.count(chr(10), 0, found.start()) + 1}: a docstring begins with {found[1]!r}: Return, Report"


def _names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the names that a module binds, each with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def _bad_names(source: str) -> Iterator[str]:
    for line, name in _names(ast.parse(source)):
        plain = name.strip("_").lower()
        if plain in NAMES:
            yield f"{line}: the name {name!r}: {NAMES[plain]}"
        elif ROOMS.fullmatch(name):
            yield f"{line}: the class {name!r}: check"


@pytest.mark.parametrize("path", list(_files()), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_is_written_in_words_of_our_own(path: Path) -> None:
    text = path.read_text()
    assert [*_faults(text), *(_bad_names(text) if path.suffix == ".py" else ())] == []


@pytest.mark.parametrize("text", ["a shelf", "build_shelf", "BuildShelf", "SHELVES", "'a folder'", "# hangs\n# on it"])
def test_banned_words_are_found_in_prose_and_in_identifiers(text: str) -> None:
    assert [*_faults(text)]


@pytest.mark.parametrize("text", ["bookshelf", "shelfful", "hooks on", 'kind="folder"', "newsletter"])
def test_other_words_and_exceptions_are_not_found(text: str) -> None:
    assert not [*_faults(text)]


@pytest.mark.parametrize("source", ["said = 1", "def tell(): ...", "class MoveRoom: ...", "def f(its): ..."])
def test_banned_names_are_found(source: str) -> None:
    assert [*_bad_names(source)]


def test_no_exception_is_without_use() -> None:
    texts = [path.read_text() for path in _files()]
    assert [allowed for allowed in ALLOWED if not any(re.search(allowed, text) for text in texts)] == []
