"""Oracles: where expected values come from. An oracle is just another implementation."""
