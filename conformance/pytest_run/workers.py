"""Which pytest-xdist worker gets which checks. Needs pytest-xdist, which calls for it."""

from __future__ import annotations

import re
from typing import Any

from xdist.scheduler import LoadScopeScheduling


class ByCase(LoadScopeScheduling):  # type: ignore[misc]
    """All checks of a case in a mode go to one worker, in every dtype.

    They look at the same trials, and at the same expectations; spread over workers, each would
    run them again.
    """

    def _split_scope(self, nodeid: str) -> str:
        path, _, item = nodeid.partition("::")
        return path + re.sub(r"^[^\[]*|-float(16|32)(?=\]$)", "", item)

    def _reschedule(self, node: Any) -> None:
        """Give a worker more; one that replaces a lost worker may not have collected anything yet.

        pytest-xdist 3.8 ends in an internal error then, where two are lost at about the same time.
        """
        if node in self.registered_collections or not self.workqueue:
            super()._reschedule(node)
