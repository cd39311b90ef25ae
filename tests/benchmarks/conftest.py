"""Load once what inner runs import: pytester forgets modules that it saw appear, NumPy cannot."""

from contextlib import suppress

import numpy
import pytest

import conformance.benchmarks.running
import conformance.pytest_run.session
import conformance.reports.json_report
import conformance.reports.timings
import conformance.runner.grader
import reference_impls.numpy_reference

with suppress(ImportError):
    import torch

__all__ = ["conformance", "numpy", "reference_impls", "torch"]


@pytest.fixture(autouse=True)
def _not_a_worker(monkeypatch):
    """Inner runs time layers, although pytest-benchmark refuses to in a worker of pytest-xdist."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
