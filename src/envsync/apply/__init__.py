"""Carry out a plan. The only package that writes, and in it only :mod:`envsync.apply.effects`."""
