"""Load once what inner runs import: pytester forgets modules that it saw appear, NumPy cannot."""

from contextlib import suppress

import numpy

import conformance.benchmarks.running
import conformance.collection
import conformance.reports.json_report
import conformance.reports.timings
import conformance.runner.grader
import reference_impls.numpy_reference

with suppress(ImportError):
    import torch

__all__ = ["conformance", "numpy", "reference_impls", "torch"]
