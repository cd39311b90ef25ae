"""Implementations that ship with the suite; each is loaded and graded like any other candidate."""
