"""Reconcile on change: events only wake, and each pass looks at everything."""
