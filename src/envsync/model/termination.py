"""How code learns that this process should end. Loaded before everything else, so it imports nothing."""


class Terminated(KeyboardInterrupt):
    """A signal other than Ctrl-C asks this process to end: from a supervisor, a shutdown, a hang-up."""
