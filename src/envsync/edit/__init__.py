"""Change a manifest's text: pure, and byte for byte the same outside of what is changed."""
