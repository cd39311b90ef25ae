"""Seeds and limits that no run can have."""

import re

import pytest

import conformance
from conformance.runner.settings import Settings


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("seed", -1, "seed=-1: must be an integer from 0 to 2**32 - 1"),
        ("seed", 2**32, "seed=4294967296: must be an integer from 0 to 2**32 - 1"),
        ("seed", 1.5, "seed=1.5: must be an integer from 0 to 2**32 - 1"),
        ("timeout", 1e-9, "timeout=1e-09: must be from 0.001 to 1000000 seconds"),
        ("timeout", 1e300, "timeout=1e+300: must be from 0.001 to 1000000 seconds"),
        ("timeout", float("nan"), "timeout=nan: must be from 0.001 to 1000000 seconds"),
        ("memory", 1, "memory=1: must be from 64 to 100000000 MiB"),
        ("memory", 10**30, f"memory={10**30}: must be from 64 to 100000000 MiB"),
    ],
)
def test_absurd_values_are_refused(name, value, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        conformance.grade("reference", ["ReLU"], **{name: value})


def test_the_largest_seed_is_fine():
    assert Settings("reference", seed=2**32 - 1).seed == 2**32 - 1
