"""Say where an exchange takes more than one step. Pure."""

from envsync.observed import Folder

__all__ = ["not_atomic"]


def not_atomic(folder: Folder) -> tuple[str, ...]:
    """Report why the end cannot be exchanged in one step; nothing where it can."""
    end = folder.chain.end
    if not folder.exchangeable:
        return (f"{end} cannot be exchanged for another folder: its contents are, one by one",)
    if folder.layered:
        return (f"{end} is part of a lower layer of an overlay: it is copied up before it is exchanged",)
    return ()
