"""The dialects that there are: detection, bindings, inspection and the documents ask here."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint

from conformance import extensions
from conformance.candidates.driving.derivative import Derivative
from conformance.candidates.driving.dictionaries import Dictionaries
from conformance.candidates.driving.parameter_object import ParameterObject
from conformance.candidates.driving.stored_input import StoredInput
from conformance.candidates.driving.style import Style
from conformance.candidates.driving.torch7 import Torch7
from conformance.candidates.driving.variable import Variable
from conformance.candidates.wiring.dialect_names import BUNDLED, NATIVE

# In the order in which they are asked; those of other distributions come before them.
_BUNDLED: tuple[Style, ...] = (
    Variable(),
    ParameterObject(),
    Dictionaries(),
    Torch7(),
    Derivative(),
    StoredInput(),
)
assert {NATIVE, *(style.name for style in _BUNDLED)} == set(BUNDLED)


@cache
def styles() -> tuple[Style, ...]:
    """Every dialect of objects, in the order in which they are asked."""
    return (*(_style(point, found) for point, found in extensions.loaded(extensions.DIALECTS)),
            *_BUNDLED)  # fmt: skip


def _style(point: EntryPoint, found: object) -> Style:
    """The style that an extension names, its own faults kept apart from the candidate's."""
    if isinstance(found, type) and issubclass(found, Style):
        found = extensions.guarded(point, found)()
    if not isinstance(found, Style):
        raise extensions.broken(point, "is not a Style (conformance.candidates.driving.style)")
    if found.name != point.name or found.name in BUNDLED:
        taken = " is the name of a bundled dialect" if found.name in BUNDLED else ""
        named = taken or f" is not the entry point's name, {point.name!r}"
        raise extensions.broken(point, f"cannot be used: its name {found.name!r}{named}")
    # These look at a layer and run nothing of it that may fail.
    for name in ("speaks", "held", "beside"):
        setattr(found, name, extensions.guarded(point, getattr(found, name)))
    return found
