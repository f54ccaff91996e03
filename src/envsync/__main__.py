"""The entry point of the command."""

import sys

__all__ = ["main"]


def main() -> int:
    """Run the command line and return its exit status."""
    from envsync.cli.main import main as run  # noqa: PLC0415  # heavy; the fast path does without it

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
