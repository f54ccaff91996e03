"""Find the scripts of an environment that name another one, or do not run with its Python."""

import os
from collections.abc import Iterable, Iterator, Mapping

from envsync.formats import activation, pyvenv_cfg, shebang
from envsync.formats.shebang import is_activator, is_python_name
from envsync.model.environment import Script
from envsync.observe.files import read_regular
from envsync.observe.links import walk
from envsync.observe.unowned import claims_in

_LIMIT = 256 * 1024
_COMPANION = "/deactivate.csh"
"""What virtualenv's ``activate.csh`` runs by its absolute path."""
_MADE = frozenset({"python", "python3"})
"""What is made where it is missing, so that a script may name it."""
_PROGRAMS = (b"#!", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
"""How programs begin: scripts, ELF, Mach-O, Mach-O for several architectures."""


def unexecutable(end: str, sites: Iterable[str]) -> Iterator[str]:
    """Yield the names in ``bin`` of packages' programs without execute permission, as in some wheels.

    Raises ``OSError``.
    """
    scripts = Scripts(end, end, (), sites, {})
    with os.scandir(f"{end}/bin") as entries:
        listed = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
    yield from (entry.name for entry in listed if scripts.lost_mode(entry))


def _shown(path: str, cfg: Mapping[str, str]) -> list[str]:
    """Return what a script may show as the prompt; without one, the names of the environment and its parent."""
    written = cfg.get("prompt")
    if written is None:
        return path.split("/")[-2:]
    return [pyvenv_cfg.unquote(written), *([written] if "uv" in cfg else [])]  # uv shows quotes


class Scripts:
    """Examines the scripts in the ``bin`` of an environment."""

    def __init__(
        self, end: str, path: str, former: Iterable[str], sites: Iterable[str], cfg: Mapping[str, str]
    ) -> None:
        """Take the environment's real path, its declared path, its known former paths, and its ``site-packages``.

        ``sites`` are absolute; ``cfg`` is the content of ``pyvenv.cfg``.
        """
        written = cfg.get("prompt")
        self._prompt = None if written is None else pyvenv_cfg.unquote(written)
        self._is_harmful = any(map(activation.is_harmful, _shown(path, cfg)))
        self._end = end
        self._path = path
        self._is_foreign = "envsync-name" not in cfg
        self._sites = tuple(sites)
        self._claimed: set[str] | None = None
        self.evidence: list[str] = []
        """Paths outside of ``bin`` that the result depends on."""
        self._leads: dict[str, bool] = {path: True}
        self._former = {place for place in former if not self._is_here(place)}

    def stale(self, entries: list["os.DirEntry[str]"]) -> Iterator[Script]:
        """Yield each script that needs to be repaired, activation scripts first. Raises ``OSError``."""
        files = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
        names = {entry.name for entry in entries}
        for entry in files:
            if is_activator(entry.name) and ".orig" not in entry.name:  # a backup
                script = self._activator(entry.name, names)
                if script is not None:
                    if script.named:
                        self._former.add(script.named)
                    yield script
        for entry in files:
            if not is_activator(entry.name) and not is_python_name(entry.name):
                yield from self._console_script(entry, names)

    def _activator(self, name: str, names: set[str]) -> Script | None:
        text = (read_regular(f"{self._end}/bin/{name}", _LIMIT) or b"").decode("utf-8", "surrogateescape")
        reading = activation.read(name, text, self._path, self._former)
        if not reading.right and self._is_here(reading.named):
            reading = activation.read(name, text, reading.named, self._former)
        if self._is_harmful and not self._is_as_written(name, text):
            return Script(name, "activate", reading.named, rendered=True, harmful=True)
        if reading.right and _COMPANION in text and _COMPANION[1:] not in names:
            return Script(_COMPANION[1:], "activate", "", rendered=True)
        if reading.right or self._is_rendered(name, text):
            return None
        has_prompt = self._prompt is not None
        renamed = activation.renamed(text, reading.named, self._path, has_prompt=has_prompt) if reading.named else None
        exact = renamed is not None and activation.read(name, renamed, self._path, self._former).right
        if name.endswith(".bat") and not exact:
            return None  # only Windows runs it
        return Script(name, "activate", reading.named, rendered=not exact)

    def _is_as_written(self, name: str, text: str) -> bool:
        """Check whether a script begins as virtualenv writes it; not if virtualenv has no such script."""
        from envsync.observe.activators import written_lines  # noqa: PLC0415  # rarely needed, and slow

        lines = written_lines(self._path, self._prompt).get(name, ())
        held = text.removeprefix("\ufeff").split("\n")
        end = len(lines) - 1  # the user's own lines may follow
        return len(held) > end and all(line in {None, own} for line, own in zip(lines[:end], held, strict=False))

    def _is_rendered(self, name: str, text: str) -> bool:
        """Check whether the script quotes the path as virtualenv does."""
        if activation.is_plain(self._path):
            return False
        from envsync.observe.activators import naming_lines  # noqa: PLC0415  # rarely needed, and slow

        lines = naming_lines(self._path).get(name, frozenset())
        return bool(lines) and lines <= {*text.splitlines()}

    def _console_script(self, entry: "os.DirEntry[str]", names: set[str]) -> Iterator[Script]:
        head = read_regular(entry.path, shebang.HEAD) or b""
        if self.lost_mode(entry, head):
            yield Script(entry.name, "mode", "")
        interpreter = shebang.named_interpreter(head)
        if interpreter is None or not is_python_name(os.path.basename(interpreter)):
            return
        directory, in_bin, name = interpreter.rpartition("/bin/")
        if in_bin and self._is_here(directory) and name in names | _MADE:
            if shebang.is_expanded(head):
                yield Script(entry.name, "shebang", interpreter, harmful=True)
            return
        if (in_bin and self._was_here(directory)) or self._has_wrong_interpreter(interpreter, entry.name):
            yield Script(entry.name, "shebang", interpreter)

    def _is_here(self, directory: str) -> bool:
        """Check whether a directory is the environment's path; where another builder made it, any path to it is."""
        if directory not in self._leads:
            leads = self._is_foreign and directory.startswith("/") and os.path.realpath(directory) == self._end
            if leads and directory != self._end:
                self.evidence += (hop.link for hop in walk(directory).hops)
            self._leads[directory] = leads
        return self._leads[directory]

    def _was_here(self, directory: str) -> bool:
        """Check whether a directory is a former path of the environment, or another name of it.

        A user's own script for another Python stays as it is, even if that is missing at the moment.
        """
        if directory not in self._former:
            return False
        # A directory that exists and is no environment was never this one, whatever pyvenv.cfg says.
        return not os.path.exists(directory) or os.path.isfile(f"{directory}/pyvenv.cfg")

    def _has_wrong_interpreter(self, interpreter: str, name: str) -> bool:
        """Check whether a package's script runs with a missing interpreter, or another environment's."""
        other = f"{os.path.dirname(os.path.dirname(interpreter))}/pyvenv.cfg"
        self.evidence += (interpreter, other)
        return (not os.path.exists(interpreter) or os.path.isfile(other)) and self._is_claimed(name)

    def lost_mode(self, entry: "os.DirEntry[str]", head: bytes | None = None) -> bool:
        """Check whether a package's program has no execute permission; ``head`` is the file's beginning, if read."""
        if entry.stat(follow_symlinks=False).st_mode & 0o111:
            return False
        head = read_regular(entry.path, shebang.HEAD) if head is None else head
        return (head or b"").startswith(_PROGRAMS) and self._is_claimed(entry.name)

    def _is_claimed(self, name: str) -> bool:
        """Check whether a package claims a file in ``bin`` by its ``RECORD`` (PEP 376)."""
        if self._claimed is None:
            self._claimed = {*self._claims()}
        return name in self._claimed

    def _claims(self) -> Iterator[str]:
        for site in self._sites:
            self.evidence += (
                f"{site}/{name}/RECORD" for name in sorted(os.listdir(site)) if name.endswith(".dist-info")
            )
            for claim, _ in claims_in(self._end, site[len(self._end) + 1 :]):
                if os.path.dirname(claim) == "bin":
                    yield os.path.basename(claim)
