"""The executable misreadings, by spec and id."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from reference_impls import numpy_reference as reference

# By spec name and misreading id: the classes that take the place of the reference's.
CATALOGUE: dict[tuple[str, str], Mapping[str, type]] = {}

Class = TypeVar("Class", bound=type)


def misreading(spec: str, id: str) -> Callable[[Class], Class]:
    """Register the class below as the misreading `id` of the spec `spec`."""

    def decorate(wrong: Class) -> Class:
        register(spec, id, {spec: wrong})
        return wrong

    return decorate


def register(spec: str, id: str, classes: Mapping[str, type]) -> None:
    """Register a misreading made of these classes, by the names that specs know them under.

    For a net or container the wrong class may be a part of it: ``{"SGD": StepUphill}``.
    """
    assert (spec, id) not in CATALOGUE, f"{spec} has two misreadings {id}"
    CATALOGUE[spec, id] = classes


def mistake_of(*rights: type, id: str) -> Callable[[Class], Class]:
    """Register the mistake of the mixin below, as misreading `id`, for each of these classes."""

    def decorate(mistake: Class) -> Class:
        for right in rights:
            register(right.__name__, id, {right.__name__: mixed(mistake, right)})
        return mistake

    return decorate


_MIXED: dict[tuple[type, type], type] = {}


def mixed(mistake: type, right: type) -> type:
    """The right class with the mistake of a mixin put before it; always the same class."""

    def reduce(self: Any) -> Any:  # pickle cannot find by its name a class that was made here
        return _instance, (mistake, right), self.__getstate__()

    if (mistake, right) not in _MIXED:
        # What the mixin does to the constructor is its own affair: it takes the same arguments.
        body = {"__reduce__": reduce, "__signature__": inspect.signature(right)}
        made = type(mistake.__name__, (mistake, right), body)
        _MIXED[mistake, right] = made
    return _MIXED[mistake, right]


def _instance(mistake: type, right: type) -> Any:
    """An instance of the mixed class, its state still to come."""
    return object.__new__(mixed(mistake, right))


def namespace(spec: str, id: str) -> dict[str, Any]:
    """Everything that the reference offers, with the misread classes in their places."""
    correct = {name: getattr(reference, name) for name in reference.__all__}
    return {**correct, **CATALOGUE[spec, id]}
