"""The ``conformance`` command: look at specs, check them, record expected values.

One file per group of commands. A command imports what it needs when it runs, so that ``--help`` and
shell completion wait for nothing.
"""

from conformance.cli.app import app, main

__all__ = ["app", "main"]
