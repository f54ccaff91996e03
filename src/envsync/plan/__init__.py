"""Decide what to do: from desired and observed values to a plan. Pure; nothing here looks at the disk."""
