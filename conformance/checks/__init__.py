"""The catalogue of checks, one file per concern. Importing this package fills `CATALOGUE`."""

from conformance.checks import (
    batch_relations,
    differences,
    dropout,
    dtypes,
    layouts,
    linear_relations,
    loss_relations,
    normalization_relations,
    purity,
    relations,
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
    "batch_relations",
    "differences",
    "dropout",
    "dtypes",
    "layouts",
    "linear_relations",
    "loss_relations",
    "normalization_relations",
    "purity",
    "relations",
    "shapes",
    "starting_values",
    "state",
    "training",
    "values",
]
