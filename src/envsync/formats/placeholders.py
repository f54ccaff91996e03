"""The placeholders in the words of ``on-event``: ``{name}``; ``{{`` and ``}}`` are braces."""

import re
from collections.abc import Iterator, Mapping

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def names_in(text: str) -> Iterator[str]:
    """Yield what stands in braces. Raises ``ValueError`` for a brace without its other."""
    for token in _TOKEN.finditer(text):
        if token[0] in {"{", "}"}:
            raise ValueError(text)
        if token[1] is not None:
            yield token[1]


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a word with the values of its placeholders, which are not looked at for further ones."""
    return _TOKEN.sub(lambda token: token[0][0] if token[1] is None else values[token[1]], text)
