"""The catalogue of checks: a folder per column of the report. Importing it fills `CATALOGUE`."""

# ruff: noqa: I001 (within a column, checks are planned in this order)
from conformance.checks.errors import arithmetic
from conformance.checks.relations import batch
from conformance.checks.state import constructed, copies
from conformance.checks.differences import own_forward
from conformance.checks.relations import dropout
from conformance.checks.purity import dtypes, random_state, memory_order
from conformance.checks.relations import linear, losses
from conformance.checks.purity import aliasing
from conformance.checks.relations import normalization
from conformance.checks.purity import repeated
from conformance.checks.relations import declared
from conformance.checks.state import sequences
from conformance.checks.shape import shapes
from conformance.checks.state import starting_values, buffers
from conformance.checks.training import trajectories
from conformance.checks.forward import values
from conformance.checks.check import CATALOGUE, GROUPS, Check
from conformance.checks.errors.contracts import ERROR_CONTRACT
from conformance.checks.evidence import Evidence, Memory, NoOracle, Stopped

from conformance.checks.installed import add_installed

add_installed()

# Plans and documents follow the order of the report's columns, not that of the imports above.
CATALOGUE.sort(key=lambda entry: GROUPS.index(entry.group))

__all__ = [
    "CATALOGUE",
    "ERROR_CONTRACT",
    "GROUPS",
    "Check",
    "Evidence",
    "Memory",
    "NoOracle",
    "Stopped",
    "aliasing",
    "arithmetic",
    "batch",
    "buffers",
    "constructed",
    "copies",
    "declared",
    "dropout",
    "dtypes",
    "linear",
    "losses",
    "memory_order",
    "normalization",
    "own_forward",
    "random_state",
    "repeated",
    "sequences",
    "shapes",
    "starting_values",
    "trajectories",
    "values",
]
