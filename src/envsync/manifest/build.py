"""Validated tables to desired values."""

import fnmatch
from collections.abc import Mapping
from typing import Any

from envsync.desired import DefaultPython, Environment, Exposed, Packages

__all__ = ["Values", "applies", "environment", "exposed"]

Values = Mapping[str, Any]
"""The keys that an environment or its defaults set, snake_case, with validated values."""

_PACKAGE_KEYS = (
    "requirements",
    "packages",
    "constraints",
    "project",
    "groups",
    "extras",
    "editable",
    "exact",
    "on_missing",
)
_NO_PACKAGES = Packages()


def environment(name: str, values: Values, bin_dir: str) -> Environment:
    """Return the environment that ``values``, with the defaults in them, describe."""
    return Environment(
        name=name,
        path=values["path"],
        target=values.get("target"),
        python=values.get("python") or DefaultPython(),
        requires_python=values.get("requires_python") or None,
        system_site_packages=values.get("system_site_packages", False),
        prompt=values.get("prompt"),
        aliases=tuple(values.get("aliases", ())),
        exposed=tuple(exposed(text, bin_dir) for text in values.get("expose", ())),
        wait_for=values.get("wait_for", values.get("project")),
        packages=_packages(values),
    )


def exposed(text: str, bin_dir: str) -> Exposed:
    """Return what ``command`` or ``command:name`` asks for."""
    command, _, link = text.partition(":")
    return Exposed(command, f"{bin_dir.rstrip('/')}/{link or command}")


def applies(values: Values, hostname: str, platform: str) -> bool:
    """Whether an environment is meant for this host and platform."""
    names = {hostname.lower(), hostname.lower().partition(".")[0]}
    hosts = values.get("hosts")
    if hosts is not None and not any(fnmatch.fnmatchcase(name, host.lower()) for host in hosts for name in names):
        return False
    platforms = values.get("platforms")
    return platforms is None or platform in platforms


def _packages(values: Values) -> Packages:
    declared = tuple(key for key in _PACKAGE_KEYS if key in values)
    if not declared:
        return _NO_PACKAGES
    fields: dict[str, Any] = {
        key: tuple(values[key]) if isinstance(values[key], list) else values[key] for key in declared
    }
    return Packages(**fields, declared=tuple(key.replace("_", "-") for key in declared))
