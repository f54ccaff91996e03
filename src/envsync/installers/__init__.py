"""The installers: what to run for each of their jobs, and how to read what they answer. Nothing is run here."""

from envsync.installers.command import AnswerError, Command, Installer, Job, Step
from envsync.installers.gist import gist
from envsync.installers.pip import Pip
from envsync.installers.uv import Uv

__all__ = ["AnswerError", "Command", "Installer", "Job", "Pip", "Step", "Uv", "gist"]
