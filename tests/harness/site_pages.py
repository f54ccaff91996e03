"""The hook of mkdocs.yml: pages of the site that are not in docs/.

They are what pages link to elsewhere in the repository (README.md is the first page, a file that is no page is shown on
one of its own, a directory by its files), and the Python API. Links are written for the repository, and rewritten.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import envsync

__all__ = ["on_files", "on_page_content", "on_page_markdown", "on_post_page", "pages"]

_ROOT = Path(__file__).parents[2]
_DOCS = "docs/"
_LINK = re.compile(r"(?P<text>\[[\w./-]+\.md)?\]\((?P<target>[^)#:\s]+)(?P<anchor>#[^)\s]*)?\)")
"""The text, if that is the name of a page, and the rest of a link."""
_FENCE = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)
_LANGUAGES = {".toml": "toml", ".example": "toml", ".yml": "yaml", ".yaml": "yaml", ".py": "python", "": "sh"}
_LOADED = re.compile(r"""<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//[^>]*""")
_SHORT = re.compile(r"<code>([^<]{1,24})</code>")
_API = "api.md"


def _uri(path: str) -> str:
    """Return the page, or the file in docs, that shows a path of the repository."""
    if path.startswith(_DOCS):
        return path.removeprefix(_DOCS)
    if (_ROOT / path).is_dir():
        has_page = (_ROOT / path / "README.md").is_file()
        return f"{path}/index.md" if has_page else f"sources/{path}.md"
    if path.endswith(".md"):
        return path.lower().replace("readme.md", "index.md")
    return f"sources/{path.lstrip(chr(46))}.md"


def _rewritten(text: str, path: str) -> str:
    """Return a page of the repository with its links as the site has them."""

    def link(found: re.Match[str]) -> str:
        target = _target(path, found["target"])
        uri = posixpath.relpath(_uri(target), posixpath.dirname(_uri(path)) or ".")
        return f"{_title(target) if found['text'] else ''}]({uri}{found['anchor'] or ''})"

    parts = _FENCE.split(text)
    return "".join(part if number % 2 else _LINK.sub(link, part) for number, part in enumerate(parts))


def _title(path: str) -> str:
    """Return the beginning of a link to a page of the repository: its title, not the name of its file."""
    text = (_ROOT / path).read_text(encoding="utf-8")
    return "[" + text.partition("\n")[0].removeprefix("# ")


def _target(path: str, link: str) -> str:
    """Return the path of the repository to which a link on a page leads."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), link))


def _targets(path: str) -> Iterator[str]:
    text = (_ROOT / path).read_text(encoding="utf-8")
    for part in _FENCE.split(text)[::2]:
        yield from (_target(path, found["target"]) for found in _LINK.finditer(part))


def pages() -> dict[str, str]:
    """Return the pages that are not in docs, by their name on the site."""
    todo = ["README.md", *sorted(path.relative_to(_ROOT).as_posix() for path in (_ROOT / _DOCS).glob("*.md"))]
    found: dict[str, str] = {}
    for path in todo:  # which grows
        for target in _targets(path) if path.endswith(".md") else ():
            known = target in todo or (target.startswith(_DOCS) and not target.endswith(".md"))
            if not known and (_ROOT / target).exists():
                todo.append(target if (_ROOT / target).is_file() else _page_of(target))
        if not path.startswith(_DOCS):
            found["index.md" if path == "README.md" else _uri(path)] = _page(path)
    return found | {_API: _api()}


def _page_of(directory: str) -> str:
    readme = f"{directory}/README.md"
    return readme if (_ROOT / readme).is_file() else directory


def _page(path: str) -> str:
    place = _ROOT / path
    if path.endswith(".md"):
        return _rewritten(place.read_text(encoding="utf-8"), path)
    files = [place] if place.is_file() else sorted(one for one in place.rglob("*") if one.is_file())
    parts = [f"# {path}"]
    for file in files:
        if file != place:
            parts.append(f"## {file.relative_to(place)}")
        language = _LANGUAGES.get(file.suffix, "text")
        parts.append(f"````{language}\n{file.read_text(encoding='utf-8').rstrip()}\n````")
    return "\n\n".join(parts) + "\n"


def _api() -> str:
    """Return the page of the public names: functions first, then what they take, give and raise."""
    homes = {name: f"{home}.{name}" for home, names in envsync._HOMES.items() for name in names}
    names = sorted(envsync.__all__, key=lambda name: (name[0].isupper(), name))
    shown = [f"::: {homes.get(name, f'envsync.{name}')}" for name in names if name[0] != "_"]
    return "\n\n".join(["# Python API", "Made from the docstrings. By task: [From Python](python.md).", *shown])


def on_files(files: Any, config: Any) -> Any:
    """Add the pages."""
    from mkdocs.structure.files import File  # noqa: PLC0415  # only mkdocs calls this

    for uri, text in pages().items():
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Rewrite the links of the pages in docs."""
    return markdown if page.file.generated_by else _rewritten(markdown, _DOCS + page.file.src_uri)


def on_page_content(html: str, **_: Any) -> str:
    """Mark what is short and not in a block of code: it is not broken, for that would be at ``--``."""
    return _SHORT.sub(r'<code class="short">\1</code>', html)


def on_post_page(output: str, *, page: Any, **_: Any) -> str:
    """Refuse a page that would load something from another host."""
    loaded = _LOADED.search(output)
    if loaded is not None:
        from mkdocs.exceptions import PluginError  # noqa: PLC0415  # only mkdocs calls this

        raise PluginError(f"{page.file.src_uri} loads from another host: {loaded[0]}")
    return output
