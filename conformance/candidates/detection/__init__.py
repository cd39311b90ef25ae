"""Which class or function serves a spec, and with which wiring."""
