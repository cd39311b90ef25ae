"""The global random generators: NumPy's, Python's, and PyTorch's if it has been imported."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np


@contextmanager
def put_back() -> Iterator[None]:
    """The generators are afterwards as they were before."""
    with ExitStack() as stack:
        stack.callback(random.setstate, random.getstate())
        stack.callback(np.random.set_state, np.random.get_state())
        if torch := sys.modules.get("torch"):
            stack.callback(torch.set_rng_state, torch.get_rng_state())
        yield


def reseed(seed: int) -> None:
    """Seed all of them."""
    random.seed(seed)
    np.random.seed(seed)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


def draw_from_each() -> dict[str, float]:
    """A number from each, by the generator's name."""
    drawn = {"numpy.random": float(np.random.random()), "random": random.random()}
    if torch := sys.modules.get("torch"):
        drawn["torch"] = float(torch.rand(()))
    return drawn
