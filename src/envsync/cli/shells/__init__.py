"""Completion scripts, one module for each shell: each makes its script of the table of commands."""
