"""The installers: what to run for each of their jobs, and how to read what they answer. Nothing is run here."""
