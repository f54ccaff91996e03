"""The only package that writes.

Nothing here can replace a symlink of a user's: links outside of an environment are
only ever made where nothing is, and what is replaced or deleted is reached from an
open directory, never through a link.
"""
