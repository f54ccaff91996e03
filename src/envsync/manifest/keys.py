"""The keys of an environment that ``add`` writes: in which order, and which of them hold paths. Imports nothing."""

KEYS = (
    *("path", "target", "python", "requires-python", "project", "prompt", "wait-for"),
    *("requirements", "packages", "constraints", "groups", "extras", "aliases", "expose", "hosts", "platforms"),
    *("exact", "system-site-packages"),
)
"""In the order in which they are written; the others follow."""
PATH_KEYS = frozenset({"path", "project", "wait-for", "requirements", "constraints", "aliases"})
"""Keys whose relative values mean the current directory when they are added, but the manifest's directory in it."""
