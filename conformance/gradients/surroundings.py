"""What stays as it was while foreign code runs thousands of times, and what a person sees."""

from __future__ import annotations

import random
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache

import numpy as np
from threadpoolctl import ThreadpoolController

PATIENCE = 1.0  # seconds before there is a progress bar


@lru_cache(maxsize=1)
def _threads(modules: int) -> ThreadpoolController:
    """Finding the libraries takes as long as a small check: done again when there may be others."""
    return ThreadpoolController()


@contextmanager
def undisturbed() -> Iterator[None]:
    """One thread, no warnings; the global random generators are afterwards as before."""
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(np.errstate(all="ignore"))
        # Small arrays take several times longer with more threads.
        stack.enter_context(_threads(len(sys.modules)).limit(limits=1))
        stack.callback(random.setstate, random.getstate())
        stack.callback(np.random.set_state, np.random.get_state())
        if torch := sys.modules.get("torch"):
            stack.enter_context(torch.random.fork_rng())
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(1)
        yield


@contextmanager
def progress() -> Iterator[Callable[[], None]]:
    """A function to call after each step; on a terminal it draws a bar in long runs."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task("checking gradients", total=None)
    started = time.monotonic()

    def advance() -> None:
        bar.advance(task)
        if not bar.live.is_started and time.monotonic() - started > PATIENCE:
            bar.start()

    try:
        yield advance
    finally:
        bar.stop()
