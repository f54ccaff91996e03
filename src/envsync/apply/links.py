"""Make a link to an environment, and record it there first."""

import contextlib

from envsync.formats import link_record, pyvenv_cfg
from envsync.model.plan import Link
from envsync.write.directories import Root
from envsync.write.files import edit_inner_file, make_directory, make_launcher, make_link


def make_recorded(action: Link, *, flushed: bool = True) -> None:
    """Make a symlink, or a script that runs a command; without ``flushed`` the caller flushes. Raises ``OSError``.

    It is recorded in the environment's ``pyvenv.cfg`` before it is made: what is not there is never removed.
    """
    if action.end:
        # In an environment that is not writable links are made all the same, and stay when nothing declares them.
        with contextlib.suppress(OSError):
            edit_inner_file(Root(action.end), "pyvenv.cfg", lambda content: _recorded(content, action))
    for directory in action.to_make:
        make_directory(directory, flushed=flushed)
    (make_launcher if action.is_launcher else make_link)(action.place, action.link_text, flushed=flushed)


def _recorded(content: bytes, action: Link) -> bytes:
    text = content.decode("utf-8", "surrogateescape")
    links = link_record.parse(dict(pyvenv_cfg.parse(text)).get(link_record.KEY)) | {action.link: action.link_text}
    updated = pyvenv_cfg.update(text, {link_record.KEY: link_record.render(links)})
    return updated.encode("utf-8", "surrogateescape")
