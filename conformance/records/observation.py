"""An observation: all that running a trial showed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from conformance.records.arrays import Array
from conformance.records.foreign import MOST_OF_A_RECORD, plain

Stage = Literal[
    "find",
    "build",
    "parameters",
    "forward",
    "backward",
    "set_mode",
    "zero_grad",
    "step",
    "set_rate",
    "inspect",
    "copy",
]


@dataclass(frozen=True)
class Trouble:
    """Why a trial stopped before its end.

    `kind` tells an exception of the candidate (``raised``) from an answer that is not one
    (``contract``: forward returned None, there is no attribute ``weight``), from a layer or an
    optional argument that the implementation does not have (``missing``). Where candidates run in a
    process of their own, that process can also end or become unusable (``crashed``), or not come to
    an end in time (``timeout``). ``fault`` is none of these: code of the suite failed in the
    worker. The session in the parent raises it as a `SuiteFault`, so no check sees it.
    """

    kind: Literal["raised", "contract", "missing", "crashed", "timeout", "fault"]
    stage: Stage
    message: str
    where: str | None = None
    tensor: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", plain(self.message, MOST_OF_A_RECORD))

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        return f"{self.message}{place}"


@dataclass(frozen=True, eq=False)
class StepRecord:
    """What one step showed: arrays by name, copied at that moment.

    `mutated` names arrays that the step changed and should not have: what the candidate was given,
    its parameters. `rewritten` names results of earlier calls that the step wrote into. `warnings`
    are NumPy's about the candidate's arithmetic, each with its place. `meddled` says what the step
    changed of the whole process's state.
    """

    outputs: Mapping[str, Array] = field(default_factory=dict)
    input_gradients: Mapping[str, Array] = field(default_factory=dict)
    parameter_gradients: Mapping[str, Array] = field(default_factory=dict)
    buffers: Mapping[str, Array] = field(default_factory=dict)
    mutated: tuple[str, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    rewritten: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    meddled: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("absent", "facts"):
            made = {key: plain(text) for key, text in getattr(self, name).items()}
            object.__setattr__(self, name, made)
        object.__setattr__(self, "warnings", tuple(map(plain, self.warnings)))

    def tensors(self) -> Iterator[tuple[str, Array]]:
        """Outputs, gradients as ``grad_<name>``, and buffers."""
        yield from self.outputs.items()
        for table in (self.input_gradients, self.parameter_gradients):
            for name, value in table.items():
                yield f"grad_{name}", value
        yield from self.buffers.items()


@dataclass(frozen=True, eq=False)
class Observation:
    """The state after construction, a record for each step taken, and what stopped it, if anything.

    `initial` are parameters and buffers as the constructor left them. `printed` is what the
    candidate wrote to standard output and error, cut where it is long; empty where nobody captures
    it (in process).
    """

    initial: Mapping[str, Array] = field(default_factory=dict)
    steps: tuple[StepRecord, ...] = ()
    trouble: Trouble | None = None
    printed: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "printed", plain(self.printed, len(self.printed)))
