"""The global random generators: NumPy's, Python's, and PyTorch's if it has been imported."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
from numpy.random.mtrand import get_bit_generator, set_bit_generator

# Takes the place of NumPy's own meanwhile: that is quicker than to copy its state.
_SPARE = np.random.MT19937(0)


@contextmanager
def put_back() -> Iterator[None]:
    """The generators are afterwards as they were before."""
    with ExitStack() as stack:
        stack.callback(random.setstate, random.getstate())
        stack.callback(set_bit_generator, get_bit_generator())
        set_bit_generator(_SPARE)
        np.random.seed(0)
        if torch := sys.modules.get("torch"):
            stack.callback(torch.set_rng_state, torch.get_rng_state())
        yield


def reseed(seed: int) -> None:
    """Seed all of them."""
    random.seed(seed)
    np.random.seed(seed)
    if torch := sys.modules.get("torch"):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed looks for devices first


def draw_from_each() -> dict[str, float]:
    """A number from each, by the generator's name."""
    drawn = {"numpy.random": float(np.random.random()), "random": random.random()}
    if torch := sys.modules.get("torch"):
        drawn["torch"] = float(torch.rand(()))
    return drawn
