"""Clear away what interrupted passes have left, of whatever manifest and kind."""

import os

from envsync.apply.carry_out import clear_area
from envsync.apply.move import settle_move
from envsync.apply.settings import Settings
from envsync.write.area import read_area
from envsync.write.locks import hold
from envsync.write.temporary import remove_temporary

__all__ = ["clear_leftover"]


def clear_leftover(area: str, end: str, settings: Settings, *, timeout: float = 0.0) -> None:
    """Finish, undo or remove what is in a staging directory that was made for the environment at ``end``.

    Raises ``EnvsyncError`` where its pass is at work still, or ``OSError``.
    """
    marker = read_area(area)
    if marker is not None and marker.kind == "temporary":
        remove_temporary(area)
        return
    with hold(settings.locks, end, timeout):
        marker = read_area(area)
        if marker is not None and marker.moves_to:
            settle_move(area, marker, settings)
        else:
            clear_area(area, end, os.path.dirname(area))  # where its own manifest looks for it
