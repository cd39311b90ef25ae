"""Backward against finite differences of the candidate's own forward."""
