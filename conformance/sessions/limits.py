"""What a candidate in a process of its own may use."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Seconds for one call (a constructor, forward, a training step) and for loading; memory."""

    timeout: float = 10.0
    memory: int = 4096  # MiB
    loading: float = 60.0


def limit_memory(mebibytes: int) -> bool:
    """Limit the memory of this process; whether that was possible here.

    Linux counts what can be written to (RLIMIT_DATA), so that libraries and address space which is
    only reserved (PyTorch needs much of both) are free.
    """
    import resource

    kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
    size = mebibytes << 20
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            size = min(size, hard)
        resource.setrlimit(kind, (size, hard))
        return True
    return False


def no_core_dumps() -> None:
    """A candidate that crashes leaves no file behind."""
    import resource

    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
