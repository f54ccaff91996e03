"""What the values of one manifest file are read against."""

from dataclasses import dataclass

from envsync.manifest.paths import full_path
from envsync.manifest.pythons import Pythons
from envsync.manifest.recorder import Recorder
from envsync.manifest.wording import Unfit, quoted

__all__ = ["Scope"]


@dataclass(frozen=True, slots=True)
class Scope:
    """One file's folder, the manifest's state-dir, and the interpreters that have names."""

    folder: str
    state_dir: str
    pythons: Pythons
    recorder: Recorder

    def path(self, text: str) -> str:
        """Return a path relative to the file's folder; raises Unfit."""
        return full_path(text, self.folder, self.recorder)

    def place(self, text: str) -> str:
        """Return the path of an environment, fit to stand in PATH; raises Unfit."""
        path = self.path(text)
        if ":" in path:
            raise Unfit(f'has a ":" in it, which separates the folders in PATH: {quoted(path)}', "use another folder")
        return path

    def target(self, text: str) -> str:
        """Return a path relative to state-dir, and not that folder itself; raises Unfit."""
        path = full_path(text, self.state_dir, self.recorder)
        if path == self.state_dir:
            raise Unfit("is state-dir itself", "name a folder in it, such as the environment's name")
        return path
