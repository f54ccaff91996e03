"""What may be declared once only, looked for across files and environments."""

from collections.abc import Iterator, Sequence

from envsync.desired import Environment
from envsync.errors import Problem
from envsync.manifest.document import Document
from envsync.manifest.wording import escaped, quoted

__all__ = ["commands", "names"]

_NAMED = {"envs": "the environment", "pythons": "the interpreter"}


def names(documents: Sequence[Document]) -> Iterator[Problem]:
    """Environments and interpreters that two files declare (within one, TOML itself forbids it)."""
    for table, kind in _NAMED.items():
        first: dict[str, Document] = {}
        for document in documents:
            entries = document.table.get(table)
            for name in entries if isinstance(entries, dict) else ():
                if (other := first.setdefault(name, document)) is not document:
                    message = f"{kind} {quoted(name)} is declared in {_place(other, table, name)} already"
                    message += f", and again in {_place(document, table, name)}"
                    yield document.problem("manifest-duplicate", message, (table, name), "rename one of them")


def commands(environments: Sequence[Environment], documents: Sequence[Document]) -> Iterator[Problem]:
    """Links that are exposed twice; ``documents`` are those of the ``environments``, one by one."""
    first: dict[str, str] = {}
    for environment, document in zip(environments, documents, strict=True):
        for exposed in environment.exposed:
            if exposed.link not in first:
                first[exposed.link] = environment.name
                continue
            message = f"{quoted(exposed.link)} is exposed by {quoted(first[exposed.link])} already"
            hint = f'expose it under another name: "{escaped(exposed.command)}:NAME"'
            yield document.problem("manifest-duplicate", message, ("envs", environment.name, "expose"), hint)


def _place(document: Document, table: str, name: str) -> str:
    found = document.find((table, name))
    return escaped(document.file) + (f":{found[0]}" if found else "")
