"""Look at the disk and at interpreters, and write nothing."""
