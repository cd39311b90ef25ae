"""An implementation: a name and a namespace in which layers are looked up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from conformance.candidates.detection import (
    detect,
    detect_container,
    detect_functions,
    detect_training,
    look_up,
    torch_dialect,
)
from conformance.candidates.dialect import Dialect, Factory
from conformance.candidates.native import NativeDialect
from conformance.candidates.plan import Found
from conformance.candidates.probe import probe_for
from conformance.records.trial import Trial


class Implementation:
    """Layers to grade, by the class names of the specs or what else they are called.

    `namespace` is a module, a dictionary, a class (a namespace of one), or any object whose
    attributes are layer classes. `notes` say what readers of a report must know of how it was read.
    """

    def __init__(self, name: str, namespace: Any, notes: tuple[str, ...] = ()) -> None:
        self.name = name
        self.notes = notes
        if isinstance(namespace, type):
            namespace = {namespace.__name__: namespace}
        self.namespace = namespace
        self._found: dict[str, Found | None] = {}

    def find(self, trial: Trial) -> Found | None:
        """What serves a trial's layer, or None if nothing does. Looked for once per layer."""
        if trial.layer not in self._found:
            self._found[trial.layer] = self._look(trial)
        return self._found[trial.layer]

    def found(self, layer: str) -> Found | None:
        """What was found for a layer that has been asked for."""
        return self._found.get(layer)

    def remarks(self, layers: Iterable[str]) -> tuple[str, ...]:
        """What the reader of a report must know of how these layers were understood."""
        found = [found for layer in layers if (found := self._found.get(layer)) is not None]
        return tuple(dict.fromkeys((*self.notes, *(n for one in found for n in one.notes))))

    def _look(self, trial: Trial) -> Found | None:
        found: Found | None = None
        if trial.kind in ("layer", "loss"):
            probe = probe_for(trial)
            found = detect(look_up(self.namespace, trial.layer), probe)
            found = found or detect_functions(self.namespace, probe)
        elif trial.kind in ("optimizer", "scheduler"):
            found = detect_training(self.namespace, trial)
        elif trial.kind == "container":
            found = detect_container(self.namespace, trial)
        if found is not None:
            return found
        value = self._exact(trial.layer)
        return None if value is None else Found(trial.layer, value, dialect_of(value))

    def _exact(self, name: str) -> Factory | None:
        """What stands under a name, if it can be called."""
        if isinstance(self.namespace, Mapping):
            found = self.namespace.get(name)
        else:
            found = getattr(self.namespace, name, None)
        return found if callable(found) else None


def dialect_of(factory: Factory) -> Dialect:
    """The dialect of a class that is known to be native or PyTorch's."""
    dialect: Dialect | None = torch_dialect(factory)
    return NativeDialect() if dialect is None else dialect
