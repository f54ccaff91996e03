"""Texts of manifests, made up by Hypothesis: root keys, tables in any order, environments in all styles."""

import json

from hypothesis import strategies as st

Piece = tuple[str | None, str]
"""Lines of a manifest, and the environment that they are of."""

NAMES = st.sampled_from(["a", "b-1", "c c", "d.d", "é", '"', "[envs.a]", "#"])
PLACES_BETWEEN = st.lists(st.sampled_from(["", "", " ", "# x", "  # [envs.a]", "#", "# \u2028"]), max_size=3)
PATHS = st.sampled_from(["'p'", '"#p"', '"""\\\n[envs.a]\n# x\n\n\\"""\\\n"""', "'''p\n'''", '"p"  # "'])


def key(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


@st.composite
def pieces(draw: st.DrawFn) -> list[Piece]:
    """Make up a manifest: root keys, tables in any order, environments in all styles."""
    kinds = draw(st.sampled_from([["root", "table"], ["item", "table"]]))
    styles = draw(st.dictionaries(NAMES, st.sampled_from(kinds), max_size=5))
    inline = bool(styles) and draw(st.integers(0, 4)) == 0
    root: list[Piece] = [(None, "version = 1")]
    tables: list[list[Piece]] = [[(None, "[pythons]"), (None, "x = '3'")], [(None, "[defaults]")]]
    items: list[Piece] = [(None, "[envs]")]
    for name, style in styles.items():
        path, more = draw(PATHS), draw(st.sampled_from(["exact = true", "packages = [\n 'x', # ]\n\n]"]))
        one = f"{{ path = {path.partition('  #')[0]}, {more} }}"
        if style == "root":
            root += [(name, f"envs.{key(name)}.{line}") for line in (f"path = {path}", more)]
        elif style == "item":
            items.append((name, f"{key(name)} = {one}"))
        else:
            tables.append([(name, f"[envs.{key(name)}]"), (name, f"path = {path}"), (name, more)])
    if inline:
        values = ", ".join(f"{key(name)} = {{ path = 'p' }}" for name in styles)
        return [(None, "version = 1"), (None, f"envs = {{{values}}}")]
    tables += [items] if len(items) > 1 else []
    ordered = [root, *draw(st.permutations(tables))]
    return [
        piece
        for table in ordered
        for line in table
        for piece in (*((None, between) for between in draw(PLACES_BETWEEN)), line)
    ]


def written(found: list[Piece], newline: str, *, without: str | None = None) -> str:
    return "".join(f"{text}\n" for name, text in found if name is None or name != without).replace("\n", newline)
