"""Which pytest-xdist worker gets which checks. Needs pytest-xdist, which calls for it."""

from __future__ import annotations

import re

from xdist.scheduler import LoadScopeScheduling


class ByCase(LoadScopeScheduling):  # type: ignore[misc]
    """All checks of a case in a mode go to one worker, in every dtype.

    They look at the same trials, and at the same expectations; spread over workers, each would
    run them again.
    """

    def _split_scope(self, nodeid: str) -> str:
        path, _, item = nodeid.partition("::")
        return path + re.sub(r"^[^\[]*|-float(16|32)(?=\]$)", "", item)
