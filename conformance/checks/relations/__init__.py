"""Relations that need no oracle."""
