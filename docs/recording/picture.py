"""A picture of what a terminal showed: an SVG that moves by CSS alone, and shows the end where nothing moves."""

import html
from collections.abc import Iterator
from dataclasses import dataclass

HOLD = 5.0
"""Seconds for which the last picture stays."""
CELL, LINE, LEFT, TOP = 8.43, 19, 18, 46
"""Width of a character, height of a row, and the frame around them, in pixels."""
TITLE = "Python is upgraded; the rebuild is killed; the old environment is complete; apply finishes the work."
STYLE = """\
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre;fill:#24292f}
.frame{fill:#f6f8fa;stroke:#d0d7de}.bold{font-weight:600}.prompt{opacity:.5}.comment{fill:#6e7781}
.red{fill:#cf222e}.green{fill:#116329}.yellow{fill:#7d4e00}.blue{fill:#0969da}.magenta{fill:#8250df}.cyan{fill:#1b7c83}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.frame{fill:#0d1117;stroke:#30363d}
.red{fill:#ff7b72}.green{fill:#3fb950}.yellow{fill:#d29922}.blue{fill:#58a6ff}.magenta{fill:#bc8cff}.cyan{fill:#39c5cf}
.comment{fill:#8b949e}}
.passing{visibility:hidden}@media(prefers-reduced-motion:reduce){*{animation:none!important}}
"""


@dataclass(frozen=True)
class Piece:
    """Text of one style, from a column to the right; the style is a class of ``STYLE``, or several."""

    column: int
    text: str
    style: str = ""

    @property
    def end(self) -> int:
        """Return the column behind it."""
        return self.column + len(self.text)


Row = tuple[Piece, ...]


@dataclass(frozen=True)
class Frame:
    """All rows of a terminal, from a moment in seconds until that of the next frame."""

    when: float
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Span:
    """A piece of a row, and from when to when it is there, in seconds."""

    row: int
    piece: Piece
    begin: float
    end: float


def spans(frames: list[Frame], end: float) -> Iterator[Span]:
    """Yield the pieces of all rows; what a row gains at its end, as by typing, is a piece of its own."""
    for number in range(len(frames[0].rows)):
        standing: list[Span] = []
        for frame in frames:
            row = frame.rows[number]
            kept = _kept(standing, row)
            for gone in standing[len(kept) :]:
                yield Span(number, gone.piece, gone.begin, frame.when)
            column = kept[-1].piece.end if kept else 0
            standing = kept + [Span(number, piece, frame.when, end) for piece in _behind(row, column)]
        yield from standing


def _kept(standing: list[Span], row: Row) -> list[Span]:
    """Return the pieces, from the left, that the row still shows."""
    there = {piece.column + i: (character, piece.style) for piece in row for i, character in enumerate(piece.text)}
    for count, span in enumerate(standing):
        cells = enumerate(span.piece.text, span.piece.column)
        if any(there.get(column) != (text, span.piece.style) for column, text in cells if text != " "):
            return standing[:count]
    return standing


def _behind(row: Row, column: int) -> Iterator[Piece]:
    for piece in row:
        text = piece.text[max(column - piece.column, 0) :]
        if text.strip():
            yield Piece(piece.end - len(text.lstrip()), text.strip(), piece.style)


def svg(frames: list[Frame], columns: int) -> str:
    """Return the picture of frames in their order, of a terminal so many characters wide."""
    total = frames[-1].when + HOLD
    used = max(number for frame in frames for number, row in enumerate(frame.rows, 1) if row)
    width, height = LEFT * 2 + round(columns * CELL), TOP + used * LINE + 6
    there = list(spans(frames, total))
    rules = "".join(_rule(number, span, total) for number, span in enumerate(there))
    texts = "\n".join(_text(number, span, total) for number, span in enumerate(there))
    dots = "".join(f'<circle cx="{22 + 18 * i}" cy="17" r="5" fill="#8b949e" opacity=".5"/>' for i in range(3))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">\n'
        f"<title>{TITLE}</title>\n<style>\n{STYLE}{rules}\n</style>\n"
        f'<rect class="frame" x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8"/>{dots}\n{texts}\n</svg>\n'
    )


def _rule(number: int, span: Span, total: float) -> str:
    begin, end = (100 * moment / total for moment in (span.begin, span.end))
    gone = f"{end:.2f}%{{visibility:hidden}}" if span.end < total else ""
    return (
        f"@keyframes k{number}{{0%{{visibility:hidden}}{begin:.2f}%{{visibility:visible}}{gone}}}"
        f"#t{number}{{animation:k{number} {total:.1f}s step-end infinite}}"
    )


def _text(number: int, span: Span, total: float) -> str:
    piece = span.piece
    names = " ".join(filter(None, (piece.style, "passing" if span.end < total else "")))
    return (
        f'<text id="t{number}" x="{LEFT + piece.column * CELL:.1f}" y="{TOP + span.row * LINE}"'
        f' textLength="{len(piece.text) * CELL:.1f}" class="{names}">{html.escape(piece.text)}</text>'
    )
