"""Writers of reports: terminal, JSON."""
