"""The installers: what to run for each of their jobs, and how to read what they answer. Nothing is run here.

A further one is a file beside these and a line in ``INSTALLERS``; :mod:`envsync.observe.backends` finds its program.
"""

from collections.abc import Mapping

from envsync.formats.installers.command import Installer
from envsync.formats.installers.pip import Pip
from envsync.formats.installers.uv import Uv

INSTALLERS: Mapping[str, type[Installer]] = {"uv": Uv, "pip": Pip}
"""By the names that a manifest has for them, the preferred one first."""
