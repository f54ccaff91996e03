"""``watch`` as a service of the user's: a systemd unit, or a launchd agent on macOS."""
