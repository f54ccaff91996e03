"""Write and remove the one file that defines a service: envsync's own, which its caller has made sure of."""

import os

from envsync.write.files import replace_file

__all__ = ["remove_definition", "write_definition"]


def write_definition(file: str, content: bytes) -> None:
    """Write the file in one step, making its folder. Raises ``OSError``."""
    folder = os.path.realpath(os.path.dirname(file))
    os.makedirs(folder, exist_ok=True)
    replace_file(f"{folder}/{os.path.basename(file)}", content)


def remove_definition(file: str) -> None:
    """Remove the file. Raises ``OSError``."""
    os.unlink(file)
