"""What a pass did, and how it is shown."""
