"""How code learns that this process is to end; loaded with the command line, so it loads nothing."""


class Terminated(KeyboardInterrupt):
    """Something else than the person at the terminal asks this process to end: a supervisor, a shutdown, a hang-up."""
