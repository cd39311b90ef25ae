"""An implementation: a name and a namespace in which layers are looked up."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from conformance.candidates.detection.choosing import (
    Named,
    detect,
    detect_container,
    detect_functions,
    detect_training,
    look_up,
    members,
    torch_dialect,
)
from conformance.candidates.dialect import (
    ContractError,
    Dialect,
    Factory,
    NotImplementedHere,
)
from conformance.candidates.driving.functions import look_up_functions
from conformance.candidates.driving.native import NativeDialect
from conformance.candidates.wiring.binding_file import NO_BINDING, Binding
from conformance.candidates.wiring.places import follow
from conformance.candidates.wiring.probe import probe_for
from conformance.candidates.wiring.wiring import Found
from conformance.records.report import FLOAT64_ONLY, Convention
from conformance.records.trial import Forward, Trial
from conformance.spec.problems import suggestion
from conformance.spec.terms import Kind


class Implementation:
    """Layers to grade, by the class names of the specs or what else they are called.

    `namespace` is a module, a dictionary, a class (a namespace of one), or any object whose
    attributes are layer classes. `notes` say what readers of a report must know of how it was read;
    `binding` says what cannot be seen.
    """

    def __init__(
        self,
        name: str,
        namespace: Any,
        notes: tuple[str, ...] = (),
        binding: Binding = NO_BINDING,
    ) -> None:
        self.name = name
        self.notes = notes
        self.binding = binding
        if isinstance(namespace, type):
            namespace = {namespace.__name__: namespace}
        self.namespace = namespace
        self._found: dict[str, Found | None] = {}

    def find(self, trial: Trial) -> Found | None:
        """What serves a trial's layer, or None if nothing does. Looked for once per layer."""
        if trial.layer not in self._found:
            self._found[trial.layer] = self._look(trial)
        self._refuse_what_is_not_meant(trial)
        return self._found[trial.layer]

    def _refuse_what_is_not_meant(self, trial: Trial) -> None:
        """Dtypes and ranks that the binding excludes."""
        said = self.binding.get(trial.layer)
        if said.float64_only and trial.dtype != "float64":
            where = self.binding.where(trial.layer, "float64_only")
            raise NotImplementedHere(f"float64 only, says {where}")
        first = next((step for step in trial.steps if isinstance(step, Forward)), None)
        if said.ranks and first is not None:
            rank = next(iter(first.inputs.values())).ndim
            if rank not in said.ranks:
                where = self.binding.where(trial.layer, "ranks")
                raise NotImplementedHere(f"no input with {rank} axes, says {where}")

    def lacks(self, layer: str, kind: Kind) -> bool:
        """Whether nothing here has a name that could serve a spec; nothing is built to find out.

        A net is made of the layers of others, so it is never said to be absent.
        """
        target = self.binding.get(layer).target
        if kind == "net" or target:
            return False
        if target == "":
            return True
        functions = look_up_functions(dict(members(self.namespace)), layer)
        return not (functions or look_up(self.namespace, layer) or self._exact(layer))

    def found(self, layer: str) -> Found | None:
        """What was found for a layer that has been asked for."""
        return self._found.get(layer)

    def everything_found(self) -> dict[str, Found]:
        """What was found so far, by layer."""
        return {layer: found for layer, found in self._found.items() if found is not None}

    def remarks(self, layers: Iterable[str]) -> tuple[str, ...]:
        """What the reader of a report must know of how these layers were understood."""
        found = [found for layer in layers if (found := self._found.get(layer)) is not None]
        return tuple(dict.fromkeys((*self.notes, *(n for one in found for n in one.notes))))

    def conventions(self) -> tuple[Convention, ...]:
        """What the binding declares as meant."""
        from conformance.spec.catalogue import find_spec

        declared = []
        for layer, target in self.binding.targets.items():
            where = self.binding.where(layer, "conventions")
            for name in target.conventions:
                meant = next(m for m in find_spec(layer).misreadings if m.id == name)
                declared.append(Convention(layer, name, meant.explains, where))
            if target.float64_only:
                where = self.binding.where(layer, "float64_only")
                declared.append(Convention(layer, FLOAT64_ONLY, "float32 is not supported", where))
        return tuple(declared)

    def _look(self, trial: Trial) -> Found | None:
        found: Found | None = None
        if self.binding.get(trial.layer).target == "":
            return None
        if trial.kind in ("layer", "loss"):
            probe, said = probe_for(trial), self.binding.get(trial.layer)
            found = detect(self._named(trial.layer), probe, said)
            found = found or detect_functions(self.namespace, probe)
        elif trial.kind in ("optimizer", "scheduler"):
            found = detect_training(
                self._named(trial.layer), self.namespace, trial, self.binding.get(trial.layer)
            )
        elif trial.kind == "container":
            found = detect_container(self._named(trial.layer), trial)
        if found is not None:
            return found
        value = self._exact(trial.layer)
        return None if value is None else Found(trial.layer, value, dialect_of(value))

    def _named(self, layer: str) -> list[Named]:
        """Candidates for a layer: the binding's, else those of its name."""
        target = self.binding.get(layer).target
        if target is None:
            return look_up(self.namespace, layer)
        start = dict(members(self.namespace))
        found = follow(start, target) or _in_a_module(self.namespace, target)
        if not callable(found):
            where = self.binding.where(layer, "target")
            raise ContractError(f"{where}: {self.name} has no {target}{suggestion(target, start)}")
        return [Named(target, found, -1)]

    def _exact(self, name: str) -> Factory | None:
        """What stands under a name, if it can be called."""
        if isinstance(self.namespace, Mapping):
            found = self.namespace.get(name)
        else:
            found = getattr(self.namespace, name, None)
        return found if callable(found) else None


def _in_a_module(namespace: Any, target: str) -> Any:
    """What a dotted target is where it names a module of the package that nobody has imported."""
    if not isinstance(namespace, ModuleType) or not hasattr(namespace, "__path__"):
        return None
    parts = target.split(".")
    for number in range(len(parts) - 1, 0, -1):
        name = ".".join((namespace.__name__, *parts[:number]))
        try:
            if importlib.util.find_spec(name) is None:
                continue
        except ModuleNotFoundError:
            continue
        return follow(importlib.import_module(name), ".".join(parts[number:]))
    return None


def dialect_of(factory: Factory) -> Dialect:
    """The dialect of a class that is known to be native or PyTorch's."""
    dialect: Dialect | None = torch_dialect(factory)
    return NativeDialect() if dialect is None else dialect
