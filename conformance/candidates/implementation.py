"""An implementation: a name and a namespace in which layers are looked up."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from conformance.candidates.dialect import Dialect, Factory
from conformance.candidates.native import NativeDialect
from conformance.records.trial import Trial


class Implementation:
    """Layers to grade, by the class names of the specs.

    `namespace` is a module, a dictionary, a class (a namespace of one), or any object whose
    attributes are layer classes. `notes` say what readers of a report must know of how it was read.
    """

    def __init__(self, name: str, namespace: Any, notes: tuple[str, ...] = ()) -> None:
        self.name = name
        self.notes = notes
        if isinstance(namespace, type):
            namespace = {namespace.__name__: namespace}
        self.namespace = namespace

    def find(self, trial: Trial) -> Factory | None:
        """The class for a trial's layer, or None if there is none."""
        if isinstance(self.namespace, Mapping):
            found = self.namespace.get(trial.layer)
        else:
            found = getattr(self.namespace, trial.layer, None)
        return found if callable(found) else None


def dialect_of(factory: Factory) -> Dialect:
    """The dialect that a class speaks.

    A class can be a torch module only where PyTorch has been imported already, so asking costs
    nothing where it has not.
    """
    if sys.modules.get("torch") is not None:
        from conformance.candidates.torch_module import TorchModuleDialect

        dialect = TorchModuleDialect()
        if dialect.recognises(factory):
            return dialect
    return NativeDialect()
