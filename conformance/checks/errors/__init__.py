"""Illegal use must raise, and legal use must not warn."""
