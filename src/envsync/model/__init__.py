"""Values that pass between the rooms: what is desired, what was observed, what is planned, what was done.

These values are complete: whoever has them decides without looking at the disk again. Nothing
here imports another room.
"""
