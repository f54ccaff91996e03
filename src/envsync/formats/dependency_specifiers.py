"""Names, versions and requirements of packages (PEP 503, 440, 508), as the library packaging reads them.

It is loaded with the first that is read: an environment without packages needs none of it. What was read once is kept.
"""

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement


@lru_cache(maxsize=4096)
def canonical_name(name: str) -> str:
    """Return the name by which a package is compared (PEP 503)."""
    from packaging.utils import canonicalize_name  # noqa: PLC0415  # see above

    return canonicalize_name(name)


@lru_cache(maxsize=4096)
def canonical_version(version: str) -> str:
    """Return the form in which a version is compared (PEP 440); what is none stays as it is."""
    from packaging.utils import canonicalize_version  # noqa: PLC0415  # see above

    return canonicalize_version(version)


@lru_cache(maxsize=4096)
def read_requirement(text: str) -> "Requirement | None":
    """Return a requirement (PEP 508), not to be changed; ``None`` where the text is none."""
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415  # see above

    try:
        return Requirement(text)
    except InvalidRequirement:
        return None
