"""The catalogue of checks, one file per concern. Importing this package fills `CATALOGUE`."""

from conformance.checks import (
    arithmetic,
    batch_relations,
    construction,
    copies,
    differences,
    dropout,
    dtypes,
    generators,
    layouts,
    linear_relations,
    loss_relations,
    memory,
    normalization_relations,
    purity,
    relations,
    sequences,
    shapes,
    starting_values,
    state,
    training,
    values,
)
from conformance.checks.check import CATALOGUE, GROUPS, Check
from conformance.checks.errors import ERROR_CONTRACT
from conformance.checks.evidence import Evidence, Memory, NoOracle, Stopped

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
    "arithmetic",
    "batch_relations",
    "construction",
    "copies",
    "differences",
    "dropout",
    "dtypes",
    "generators",
    "layouts",
    "linear_relations",
    "loss_relations",
    "memory",
    "normalization_relations",
    "purity",
    "relations",
    "sequences",
    "shapes",
    "starting_values",
    "state",
    "training",
    "values",
]
