"""Outputs and gradients against the oracle."""
