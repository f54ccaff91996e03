"""What a build takes from the code and the checkout: the man page, the completions, and an index page's links.

hatchling runs this file; hatch_build.py is the name it looks for.
"""

import importlib
import os
import re
import subprocess
import sys
import tempfile
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

COMPLETIONS = {
    "bash": "share/bash-completion/completions/envsync",
    "zsh": "share/zsh/site-functions/_envsync",
    "fish": "share/fish/vendor_completions.d/envsync.fish",
}
MAN_PAGE = "share/man/man1/envsync.1"
_KEYS = "Every key of [envs.NAME] is an option, too: envsync add --help lists them."


class SharedFiles(BuildHookInterface[Any]):
    """Put the man page and the completions into a wheel's ``share``, where pipx and distributions look for them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the files, and name them to the builder. An editable wheel has none: they would grow old."""
        if self.target_name != "wheel" or version == "editable":
            return
        sys.path.insert(0, os.path.join(self.root, "src"))
        from envsync.cli.completion import script

        self._folder = tempfile.TemporaryDirectory()
        texts = {MAN_PAGE: man_page(self.metadata.version)}
        texts |= {place: script(shell) for shell, place in COMPLETIONS.items()}
        for place, text in texts.items():
            path = os.path.join(self._folder.name, os.path.basename(place) + ".in")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            build_data["shared_data"][path] = place


def man_page(version: str) -> str:
    """Return the manual page in man(7), the same for the same source at any time."""
    from argparse_manpage.manpage import Manpage

    options: Any = importlib.import_module("envsync.cli.options")
    # The options of `add` are the manifest's keys, which pydantic would have to be installed for.
    options.COMMANDS = tuple(one._replace(takes_keys=False) for one in options.COMMANDS)
    root: Any = options.parser({command.name for command in options.COMMANDS})
    root._subparsers.title = "commands"
    common = {name for action in root._actions for name in action.option_strings}
    for name, inner in root._subparsers._group_actions[0].choices.items():
        for held in (inner, *inner._action_groups):  # what all commands take is said once
            actions = "_actions" if held is inner else "_group_actions"
            setattr(held, actions, [one for one in getattr(held, actions) if not {*one.option_strings} & common])
        inner.color = False
        inner.usage = " ".join(inner.format_usage().split()).removeprefix("usage: ")
        inner.description = _KEYS if name == "add" else None  # else what the list of commands says of it
    sections, root.epilog = re.findall(r"^(\S.*):\n((?:  .*\n)+)", root.epilog, re.MULTILINE), None
    page = Manpage(root, {"version": version, "date": " "}, format="single-commands-section")
    page.description, page.manual = "keep Python virtual environments as one file says they should be", "User Commands"
    page.synopsis = ["envsync", "COMMAND", "[OPTION ...]", "[NAME ...]"]
    for heading, text in sections:
        page.add_section(heading, "=", "\n".join(map(str.strip, text.splitlines())).replace("-", r"\-"))
    return str(page)


class Links(MetadataHookInterface):
    """Make the README's links absolute and name the project's pages, on the host from which the checkout came.

    They lead to the tag of the version that is built. Without a known host they stay as they are.
    """

    def update(self, metadata: dict[str, Any]) -> None:
        """Set ``readme`` and ``urls``; in an sdist they are what its PKG-INFO says."""
        if "readme" in metadata:
            return
        with open(os.path.join(self.root, "README.md"), encoding="utf-8") as file:
            text = file.read()
        if base := repository(self.root):
            version = metadata["version"]
            text = absolute(text, f"{base}/blob/v{version}/", f"{base}/raw/v{version}/")
            metadata["urls"] = {
                "Homepage": base,
                "Documentation": f"{base}/blob/v{version}/docs/guide.md",
                "Changelog": f"{base}/blob/v{version}/CHANGELOG.md",
                "Issues": f"{base}/issues",
                "Security": f"{base}/security/policy",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def repository(root: str) -> str:
    """Return the web page of the remote ``origin``, without a user or token in it; empty where there is none.

    ``root`` has to be the top of the checkout: an unpacked sdist may lie in another project's.
    """
    if not os.path.exists(os.path.join(root, ".git")):
        return ""
    command = ["git", "-C", root, "remote", "get-url", "origin"]
    try:
        url = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    found = re.fullmatch(r"(?:(?:https|ssh)://)?(?:[^@/]+@)?([\w.-]+\.\w+)(?::\d+)?[:/]([\w./~-]+?)(?:\.git)?/?", url)
    return f"https://{found[1]}/{found[2]}" if found else ""


def absolute(text: str, pages: str, images: str) -> str:
    """Return Markdown with its relative links and images made absolute; code blocks stay as they are."""
    relative = r"(?![a-z]+:|#|/)"
    image = re.compile(rf"""(!\[[^]]*\]\(|<(?:img|source)\b[^>]*?\bsrc(?:set)?="){relative}""")
    page = re.compile(rf"""(\]\(|^\[[^]]+\]: |<a\b[^>]*?\bhref="){relative}""", re.MULTILINE)
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    parts[::2] = [page.sub(rf"\g<1>{pages}", image.sub(rf"\g<1>{images}", part)) for part in parts[::2]]
    return "".join(parts)
