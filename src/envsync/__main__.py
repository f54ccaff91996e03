"""The entry point of the command."""

import os
import sys

from envsync.unchanged import verdict

__all__ = ["main"]


def main() -> int:
    """Run the command line and return its exit status."""
    line = verdict(sys.argv[1:])
    if line is not None:
        try:
            os.write(1, line.encode())
        except BrokenPipeError:
            return 0  # whoever read has seen enough
        except OSError as error:
            if sys.stdout is None:
                return 0  # closed by whoever called
            os.write(2, f"envsync: {error.strerror}: standard output\n".encode())
            return 1
        return 0
    from envsync.cli.main import main as run  # noqa: PLC0415  # heavy; the fast path does without it

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
