"""What a manifest's meaning hangs on, noted while it is read."""

import os

from envsync.desired import Inputs
from envsync.observe.stamp import stamp_followed

__all__ = ["Recorder"]

_ALWAYS = ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "ENVSYNC_FILE")


class Recorder:
    """Collects paths and variables, and gives them as :class:`envsync.desired.Inputs`."""

    def __init__(self) -> None:
        self._paths: dict[str, list[int]] = {}
        self._listed: dict[str, None] = {}
        self._variables = {name: os.environ.get(name) for name in _ALWAYS}
        # Without HOME the password database says where home is.
        self._replayable = self._variables["HOME"] is not None

    def saw(self, path: str) -> None:
        """Note a path whose state matters, before it is looked at."""
        if path not in self._paths:
            self._paths[path] = stamp_followed([path])

    def listed(self, folder: str) -> None:
        """Note a folder whose entries mattered."""
        self.saw(folder)
        self._listed[folder] = None

    def variable(self, name: str) -> str | None:
        """Return an environment variable, noted; None where it is unset."""
        if name not in self._variables:
            self._variables[name] = os.environ.get(name)
        return self._variables[name]

    def beyond_replay(self) -> None:
        """Note that something mattered that neither paths nor variables tell."""
        self._replayable = False

    def inputs(self) -> Inputs:
        """All that was noted."""
        return Inputs(
            tuple(self._paths),
            tuple(self._listed),
            tuple(self._variables.items()),
            self._replayable,
            tuple(number for numbers in self._paths.values() for number in numbers),
        )
