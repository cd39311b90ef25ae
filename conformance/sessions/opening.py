"""Where to run a candidate: here, or in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from conformance.candidates.loading.paths import ImplementationError, load
from conformance.sessions.limits import Limits
from conformance.sessions.session import Session
from conformance.spec.catalogue import load as load_spec

# Processes with limits, groups and inherited pipes: what the worker is made of.
AVAILABLE = os.name == "posix"


def isolated_by_default(text: str) -> bool:
    """Files are isolated: nobody may have run them before. What is installed is not."""
    return AVAILABLE and text.endswith((".py", ".ipynb"))


def open_session(
    text: str,
    isolate: bool | None = None,
    limits: Limits | None = None,
    binding: str = "",
    specs: Iterable[Path] = (),
    run_all_cells: bool = False,
) -> Session:
    """A session over what ``--impl`` names; `ImplementationError` if it cannot be loaded.

    `binding` is its file if it is not the one beside the implementation; `specs` are the user's own
    spec files, which a binding may name; `run_all_cells` runs a notebook whole.
    """
    if isolate and not AVAILABLE:
        raise ImplementationError(
            "--conformance-isolate: this platform lacks what it takes (process groups, inherited "
            "pipes); grade in process with --no-conformance-isolate"
        )
    if isolated_by_default(text) if isolate is None else isolate:
        # It imports modules that only some platforms have.
        from conformance.sessions.isolated import IsolatedSession

        return IsolatedSession(text, limits, binding, specs, run_all_cells)
    # Another process may do all that this imports.
    from conformance.sessions.in_process import InProcessSession

    own = [load_spec(path) for path in specs]
    return InProcessSession(load(text, run_all_cells, binding, own))
