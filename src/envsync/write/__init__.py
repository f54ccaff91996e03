"""The only package that writes.

Nothing here can replace a user's symlink: outside of an environment, links are only made where nothing is, and what is
replaced or deleted is reached from an open directory, never through a link.
"""
