"""Tolerances, comparison of arrays, finite differences: numbers in, numbers out."""
