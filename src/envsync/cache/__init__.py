"""What is known from earlier: evidence, caches on disk, and the fast path. Each may be deleted at any time."""
