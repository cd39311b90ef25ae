"""Optimizers, schedulers and whole nets, step by step."""
