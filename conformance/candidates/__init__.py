"""Loading implementations, and the dialects that drive their layers."""
