"""A specification-driven conformance test suite for neural-network layers.

Importing this package is cheap: it loads NumPy, pydantic and the rest only when something is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.api import grade
    from conformance.candidates.loading.paths import ImplementationError
    from conformance.candidates.wiring.binding_file import BindingError
    from conformance.errors import ConformanceError, UnknownLayer
    from conformance.extensions import ExtensionError
    from conformance.gradients import GradientCheck, assert_gradients, check_gradients
    from conformance.oracles.choice import OracleUnavailable
    from conformance.oracles.oracle import OracleError
    from conformance.records.report import Report
    from conformance.reports.json_report import UnreadableReport
    from conformance.runner.gaps import GapsError
    from conformance.spec.problems import SpecError

    __version__: str

__all__ = [
    "BindingError",
    "ConformanceError",
    "ExtensionError",
    "GapsError",
    "GradientCheck",
    "ImplementationError",
    "OracleError",
    "OracleUnavailable",
    "Report",
    "SpecError",
    "UnknownLayer",
    "UnreadableReport",
    "__version__",
    "assert_gradients",
    "check_gradients",
    "grade",
]

_HOMES = {
    "BindingError": "conformance.candidates.wiring.binding_file",
    "ConformanceError": "conformance.errors",
    "ExtensionError": "conformance.extensions",
    "GapsError": "conformance.runner.gaps",
    "GradientCheck": "conformance.gradients",
    "ImplementationError": "conformance.candidates.loading.paths",
    "OracleError": "conformance.oracles.oracle",
    "OracleUnavailable": "conformance.oracles.choice",
    "Report": "conformance.records.report",
    "SpecError": "conformance.spec.problems",
    "UnknownLayer": "conformance.errors",
    "UnreadableReport": "conformance.reports.json_report",
    "assert_gradients": "conformance.gradients",
    "check_gradients": "conformance.gradients",
    "grade": "conformance.api",
}


def __getattr__(name: str) -> Any:
    # Every pytest run of the environment imports this package to reach its plugin.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("layer-conformance")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
