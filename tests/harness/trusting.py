"""Trust a manifest of a test, which finds it by walking up, as a user would once."""

import contextlib
import os
from pathlib import Path
from unittest import mock

from envsync.observe.trust import Record, place_of, record_of
from envsync.write.user_files import record_trust

__all__ = ["trust"]


def trust(file: Path, variables: dict[str, str] | None = None) -> None:
    """Note that a manifest is trusted, whatever it says or will say, for processes with these variables."""
    with mock.patch.dict(os.environ, variables or {}):
        end = Path(os.path.realpath(file))
        record = Record(place_of(str(file)), str(end), end.stat().st_uid if end.exists() else os.geteuid(), ())
        known = record_of(record.manifest)
        if known is None or (known.end, known.owner) != (record.end, record.owner):
            with contextlib.suppress(OSError):  # a test whose home cannot be written in names the manifest
                record_trust(record)
