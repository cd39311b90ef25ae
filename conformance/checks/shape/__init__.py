"""The layer runs, and its results have the right shapes."""
