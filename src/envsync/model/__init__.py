"""Values that pass between the rooms: what is desired, observed, planned and done.

They are complete: to decide by them takes no further look at the disk. Nothing here imports another room.
"""
