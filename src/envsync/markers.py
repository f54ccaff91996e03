"""The values of environment markers for an interpreter (PEP 508). Pure but for what this machine is."""

from envsync.observed import Facts

__all__ = ["marker_values"]

_IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalVM"}


def marker_values(facts: Facts) -> dict[str, str]:
    """Give the values of environment markers for an interpreter of this machine (PEP 508)."""
    from packaging.markers import default_environment  # noqa: PLC0415  # only where packages are declared

    values = {key: str(value) for key, value in default_environment().items()}
    return values | {
        "implementation_name": facts.implementation,
        "implementation_version": facts.version,
        "platform_python_implementation": _IMPLEMENTATIONS.get(facts.implementation, facts.implementation),
        "python_full_version": facts.version,
        "python_version": facts.minor,
    }
