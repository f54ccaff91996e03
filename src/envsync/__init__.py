"""Keep Python virtual environments as one file says they should be."""

__version__ = "0.1.0"
