"""One graded run of pytest."""
