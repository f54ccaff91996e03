"""Carry out a plan, by means of :mod:`envsync.write` and of the field's own builders."""
