"""Load once what inner runs import: pytester forgets modules that it saw appear, NumPy cannot."""

from contextlib import suppress

import hypothesis
import numpy

import conformance.api
import conformance.cli
import conformance.pytest_run.session
import conformance.reports.json_report
import conformance.reports.terminal
import conformance.runner.generated
import conformance.runner.grader
import reference_impls.naive
import reference_impls.numpy_reference

with suppress(ImportError):
    import torch

__all__ = ["conformance", "hypothesis", "numpy", "reference_impls", "torch"]
