"""The spec language: what a spec file may say, as pydantic models.

The models check types and unknown keys; `conformance.spec.validation` checks what needs the whole
file (names, shapes, cases). Their field descriptions become the JSON Schema that editors complete
spec files with.
"""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from conformance.spec.expressions import ExpressionError, parse_expression
from conformance.spec.positions import Positions
from conformance.spec.shapes import MOST_ELEMENTS, parse_shape
from conformance.spec.terms import KINDS, Kind, Tier

Values = Literal[
    "normal",
    "nonzero",
    "distinct",
    "close",
    "negative",
    "positive",
    "large",
    "offset",
    "zeros",
    "steps",
    "probabilities",
    "confident",
    "huge",
    "infinite",
    "with-nan",
    "masked",
    "subnormal",
]
GradientSource = Literal["quadratic", "fixed-stream"]
Trivial = Literal["zeros", "input", "constant"]
Model = Literal["exact", "contraction", "composite"]
Relation = Literal[
    "additive",
    "adjoint",
    "bias_at_zero",
    "bias_at_zero_weight",
    "commutes_with_increasing",
    "constant_shift",
    "delta_gives_kernel",
    "dilation_spreads_kernel",
    "exp_rows_sum_to_one",
    "gradient_sums_to_zero",
    "groups_concatenate",
    "inverted_dropout",
    "logarithmic",
    "mean_is_sum_over_count",
    "normalized",
    "odd",
    "permutation_equivariant",
    "pointwise_is_matmul",
    "positively_homogeneous",
    "reductions_agree",
    "reflection_differs_by_input",
    "reflection_sums_to_one",
    "rows_sum_to_one",
    "scale_and_shift_invariant",
    "shift_invariant",
    "signed_zero",
    "translation_equivariant",
]

# The id of cases that no spec file names.
GENERATED = "generated"

# Values that are rows along one axis: each sums to one, or is a row of scores not all masked.
ROWS: frozenset[Values] = frozenset({"probabilities", "confident", "masked"})

# Values that a case has for one question: what forward makes of them (and backward, where they are
# finite or masked). No step can be taken from them, and no relation holds for them.
EXTREME: frozenset[Values] = frozenset({"infinite", "with-nan", "masked", "subnormal"})

# Values at which no gradient is owed: conventions differ, and nobody trains from there.
GRADIENTLESS: frozenset[Values] = frozenset({"infinite", "with-nan"})

# Relations that speak of one axis, which the spec must name.
ALONG_AXIS: frozenset[Relation] = frozenset(
    {
        "bias_at_zero",
        "exp_rows_sum_to_one",
        "gradient_sums_to_zero",
        "normalized",
        "permutation_equivariant",
        "rows_sum_to_one",
    }
)


def _an_expression(text: str) -> str:
    try:
        parse_expression(text)
    except ExpressionError as error:
        raise ValueError(str(error)) from None
    return text


def _a_shape(text: str) -> str:
    try:
        parse_shape(text)
    except ExpressionError as error:
        raise ValueError(str(error)) from None
    return text


def _a_range(text: str) -> str:
    if not (match := re.fullmatch(r"(\d{1,20})\.\.(\d{1,20})", text)) or int(match[1]) > int(
        match[2]
    ):
        raise ValueError(f"{text!r} is not a range such as '1..8'")
    if int(match[2]) > MOST_ELEMENTS:
        raise ValueError(f"{text!r} is too large: it ends at {MOST_ELEMENTS:,} or before")
    return text


def _a_type(text: str) -> str:
    known = ("int", "float", "bool", "str", "pair", "tuple", "array")
    for part in text.removesuffix("?").split("|"):
        if part not in known:
            raise ValueError(
                f"{text!r} is not a type: use {', '.join(known)}, several joined by '|', "
                "and '?' at the end where None is allowed"
            )
    return text


ExpressionText = Annotated[str, AfterValidator(_an_expression)]
ShapeText = Annotated[str, AfterValidator(_a_shape)]
RangeText = Annotated[str, AfterValidator(_a_range)]
TypeText = Annotated[str, AfterValidator(_a_type)]

_NAME = r"^[A-Za-z_]\w*$"
_SLUG = r"^[a-z0-9]+([._-][a-z0-9]+)*$"
_DOTTED = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$"

# Each pattern in words.
PATTERNS = {
    _NAME: "a name such as 'Conv2d'",
    _SLUG: "an id such as 'stride-2' (lower case, digits, '-', '.', '_')",
    _DOTTED: "a dotted path such as 'torch.nn.Conv2d'",
}

Identifier = Annotated[str, Field(pattern=_NAME)]
Slug = Annotated[str, Field(pattern=_SLUG)]


class Strict(BaseModel):
    """Unknown keys are errors; a loaded spec never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


# One layer of a container or net: "ReLU", { Linear = [4, 3] }, { Conv2d = { kernel_size = 3 } },
# or { Sequential = ["ReLU", …] }.
LayerEntry = str | dict[str, list[Any] | dict[str, Any]]


class Header(Strict):
    """What the spec describes."""

    name: Identifier = Field(description="Name of the class, PyTorch's where it has one.")
    family: Slug = Field(description="Group in reports; the folder of the spec file.")
    torch: str | None = Field(
        default=None,
        pattern=_DOTTED,
        description="Dotted path of the PyTorch counterpart, any importable module.",
    )
    summary: str = Field(min_length=1, description="One sentence: what it does.")
    equation: str = Field(min_length=1, description="The formula in one line.")
    source: str = Field(min_length=1, description="Paper or documentation page.")


class Argument(Strict):
    """One constructor argument, in PyTorch's name."""

    type: TypeText | None = Field(
        default=None,
        description="int, float, bool, str, pair (one int or two), tuple (of numbers), array; "
        "'?' allows None.",
    )
    dim: str | None = Field(default=None, description="The argument is the size of this dimension.")
    default: Any = Field(default=None, description="Value when a case is silent; absent: required.")
    choices: list[str] | None = Field(default=None, description="The legal strings.")
    draw: list[Any] | None = Field(
        default=None, description="Values for generated cases; the first stands in for a default."
    )
    stands_for: str | None = Field(
        default=None, description="Argument whose value None means (stride: kernel_size)."
    )
    shape: ShapeText | None = Field(default=None, description="Shape, for an array.")
    values: Values = Field(default="positive", description="How an array is drawn.")

    @property
    def required(self) -> bool:
        """Whether the constructor must be given it."""
        return "default" not in self.model_fields_set

    @property
    def optional(self) -> bool:
        """Whether None is legal."""
        return self.type is not None and self.type.endswith("?")

    @property
    def kinds(self) -> tuple[str, ...]:
        """The alternatives of its type, without the '?'."""
        return tuple((self.type or "").removesuffix("?").split("|"))

    @model_validator(mode="after")
    def _one_source(self) -> Argument:
        if (self.type is None) == (self.dim is None):
            raise ValueError("give either a type or a dim")
        if self.type and "array" in self.kinds and self.shape is None:
            raise ValueError("an array needs a shape")
        return self


class VariadicDim(Strict):
    """Any number of axes, written ``*S`` in shapes."""

    rank: RangeText = Field(description="How many axes, such as '0..3'.")
    size: RangeText = Field(description="Size of each axis, such as '1..5'.")
    typical: list[int] = Field(description="The axes of a named case that does not say.")


class Tensor(Strict):
    """An input, in full."""

    shape: ShapeText
    type: Literal["float", "class index", "one-hot"] = "float"
    below: str | None = Field(default=None, description="Class indices are 0 … this dimension - 1.")
    ignored: str | None = Field(
        default=None, description="Argument whose value replaces every fourth class index."
    )
    values: Values = Field(default="normal", description="How values are drawn.")
    axis: ExpressionText = Field(
        default="-1", description="The axis of the classes, for one-hot rows and probabilities."
    )
    differentiable: bool = True


class Output(Strict):
    """An output, in full: its shape may depend on the configuration."""

    shape: ShapeText
    when: ExpressionText | None = None
    may_alias: bool = Field(
        default=False,
        description="It may share memory with the input, and the gradient with that of the output.",
    )


class Parameter(Strict):
    """A parameter or buffer."""

    shape: ShapeText
    when: ExpressionText | None = Field(default=None, description="It exists only if this holds.")
    init: Literal["zeros", "ones"] | None = Field(
        default=None, description="Its value right after construction, where the contract says."
    )
    init_bound: ExpressionText | None = Field(
        default=None,
        description="Right after construction values are uniform between minus and plus this.",
    )
    values: Values = Field(default="normal", description="How values are drawn for trials.")

    @model_validator(mode="after")
    def _one_start(self) -> Parameter:
        if self.init is not None and self.init_bound is not None:
            raise ValueError("give either init or init_bound")
        return self


class Mode(Strict):
    """Behaviour in one mode (train, eval)."""

    updates: list[str] = Field(default=[], description="Buffers that a forward changes.")
    uses: str | None = Field(default=None, description="For people: what the mode works with.")
    random: bool = Field(
        default=False, description="The output is random: judged by relations, not by an oracle."
    )


class Gradients(Strict):
    """What backward owes."""

    wrt: list[str] = Field(description="Inputs and parameters that get a gradient.")
    accumulates: bool = Field(
        default=True, description="Parameter gradients add up until zeroed (PyTorch's contract)."
    )
    smooth: bool = Field(default=True, description="No kinks: finite differences hold everywhere.")
    kinks: str | None = Field(default=None, description="For people: where the kinks are.")
    batch_independent: bool | dict[str, bool] = Field(
        default=False, description="Row i of the output depends on row i of the input alone."
    )


class Accuracy(Strict):
    """Which derived error bound applies (docs/numerics.md)."""

    model: Model
    reduction: ExpressionText | dict[str, ExpressionText] | None = Field(
        default=None, description="How many terms are summed, for all tensors or per tensor."
    )
    gain: dict[str, ExpressionText] = Field(
        default={},
        description="The largest factor that a cotangent meets on its way to a gradient: terms are "
        "that large, and so is their rounding, even where they cancel.",
    )


class Property(Strict):
    """A relation that holds without any oracle."""

    relation: Relation
    modes: list[str] | None = None
    when: ExpressionText | None = None
    axis: ExpressionText | None = Field(
        default=None, description="The axis it speaks of; for a sum to zero also several: (0, 2)."
    )

    @model_validator(mode="after")
    def _names_its_axis(self) -> Property:
        if (self.relation in ALONG_AXIS) != (self.axis is not None):
            needs = "needs an axis" if self.axis is None else "has no axis"
            raise ValueError(f"{self.relation} {needs}")
        return self


class Misreading(Strict):
    """A known wrong, or merely different, version of the layer."""

    id: Slug
    explains: str = Field(min_length=1, description="One sentence for the author of the layer.")
    killed_by: list[str] = Field(
        min_length=1, description="Checks that must catch it; others may, too."
    )
    convention: bool = Field(default=False, description="Legitimate where it is declared.")
    equivalent: str | None = Field(
        default=None, description="For people: where it does not differ from the right layer."
    )


class ErrorContract(Strict):
    """An illegal use that must raise."""

    id: Slug
    given: ErrorGiven
    raises: str = Field(min_length=1, description="For people: what the error says.")
    names: list[str] = Field(
        default=[],
        description="Other words by which the error may name what is wrong, beside the argument's "
        "or input's name and its value or shape.",
    )


class ErrorGiven(Strict):
    """What is illegal: an input's shape, its values, or a configuration value."""

    inputs: dict[str, ShapeText] = Field(default={}, description="Other shapes.")
    values: dict[str, ExpressionText] = Field(
        default={}, description="What every element of an input is."
    )
    config: dict[str, Any] = Field(default={}, description="Other arguments.")

    @model_validator(mode="after")
    def _says_something(self) -> ErrorGiven:
        if not self.inputs and not self.values and not self.config:
            raise ValueError("give inputs, values or config")
        return self


class Case(Strict):
    """A named configuration."""

    id: Slug
    config: dict[str, Any] = {}
    dims: dict[str, int | list[int]] = {}
    layers: list[LayerEntry] = Field(default=[], description="What a container holds.")
    inputs: dict[str, ShapeText | Tensor] = Field(
        default={}, description="Inputs in another form, such as one-hot targets."
    )
    values: dict[str, Values] = Field(default={}, description="Other values for some tensors.")
    optional: bool = Field(
        default=False,
        description="An implementation may refuse it with an error: it is skipped then.",
    )
    modes: list[str] | None = Field(default=None, description="Only in these modes.")
    tier: Tier = Field(default="core", description="Graded from this tier on.")
    trivial: list[Trivial] = Field(
        default=[],
        description="A layer that returns zeros, its unchanged input, or the same number "
        "everywhere passes the case, and rightly; the note says why.",
    )
    note: str | None = Field(default=None, description="For people: what it is there for.")

    @model_validator(mode="after")
    def _says_why_it_is_trivial(self) -> Case:
        if self.trivial and not self.note:
            raise ValueError("a case that is trivial needs a note that says why it is there")
        return self


def axis_of(size: str) -> tuple[str, int | None]:
    """The dimension, and which of its axes, that a name such as ``N`` or ``S[0]`` means."""
    match = re.fullmatch(r"(\w+)(?:\[(\d+)\])?", size)
    if match is None:
        return size, None
    return match[1], None if match[2] is None else int(match[2])


class Benchmark(Strict):
    """The sizes to measure, and the work that they are."""

    dims: dict[str, int | list[int]] = {}
    config: dict[str, Any] = {}
    flops: dict[Literal["forward", "backward"], ExpressionText] = Field(
        default={}, description="Floating-point operations of a call."
    )
    bytes: dict[Literal["forward", "backward"], ExpressionText] = Field(
        default={}, description="Bytes in float32 that a call must read and write at least."
    )
    growth: dict[str, float] = Field(
        default={},
        description="The exponent by which the time may grow with a size: N = 1, or 'S[0]' = 1 "
        "for one of several axes.",
    )

    @property
    def case(self) -> Case:
        """The same as a case."""
        return Case(id="benchmark", dims=self.dims, config=self.config)


_MOST_STEPS = 10_000


class Trajectory(Strict):
    """The problems that an optimizer is run on."""

    parameters: list[ShapeText] = Field(min_length=1, description="One shape per parameter.")
    gradients: list[GradientSource] = Field(
        min_length=1,
        description="Where gradients come from: a quadratic bowl, or drawn anew for each step.",
    )
    steps: int = Field(ge=2, le=_MOST_STEPS)


class SchedulerHeader(Header):
    """A learning-rate scheduler: the rate after t steps in closed form."""

    closed_form: ExpressionText = Field(
        description="The rate as an expression of lr0, t and the arguments."
    )
    lr0: float = Field(default=0.1, description="The rate before the first step.")
    steps: int = Field(
        ge=2, le=_MOST_STEPS, description="How many steps to take; twice the horizon is usual."
    )


class NetHeader(Header):
    """A whole net that is trained."""

    data: Literal["iris", "digits"] = Field(description="Rows to train on (specs/data).")
    image: list[int] | None = Field(default=None, description="Shape of one sample; default: flat.")
    layers: list[LayerEntry] = Field(min_length=1)
    loss: LayerEntry
    optimizer: LayerEntry
    mode: Literal["train", "eval"] = "train"
    batch: int = Field(ge=1, description="Rows per step.")
    steps: int = Field(ge=1, le=_MOST_STEPS)
    held_back: int = Field(default=0, ge=0, description="Rows that are not trained on.")
    accuracy: float | None = Field(
        default=None, description="The share of held-back rows that must be classified right."
    )


# The tables that a spec of each kind needs, beside its header and its cases.
NEEDS: dict[Kind, tuple[str, ...]] = {
    "layer": ("inputs", "outputs", "gradients", "accuracy"),
    "loss": ("inputs", "outputs", "gradients", "accuracy"),
    "container": ("inputs", "outputs", "gradients"),
    "optimizer": ("trajectory",),
    "scheduler": (),
    "net": (),
}


class Spec(Strict):
    """One spec file."""

    layer: Header | None = Field(default=None, description="A layer: forward(input).")
    loss: Header | None = Field(default=None, description="A loss: forward(input, target).")
    container: Header | None = Field(default=None, description="A layer made of layers.")
    optimizer: Header | None = Field(default=None, description="An optimizer: step().")
    scheduler: SchedulerHeader | None = Field(
        default=None, description="A learning-rate scheduler: step()."
    )
    net: NetHeader | None = Field(default=None, description="A whole net that is trained.")
    trajectory: Trajectory | None = Field(default=None, description="What an optimizer is run on.")
    config: dict[str, Argument] = {}
    dims: dict[str, RangeText | VariadicDim] = {}
    define: dict[str, ExpressionText] = Field(
        default={}, description="Named expressions for the shapes below, in order."
    )
    require: dict[str, list[ExpressionText]] = Field(
        default={}, description="What a legal case satisfies: 'always' or under a mode's name."
    )
    inputs: dict[Identifier, ShapeText | Tensor] = {}
    outputs: dict[Identifier, ShapeText | Output | list[Output]] = {}
    parameters: dict[Identifier, Parameter] = {}
    buffers: dict[Identifier, Parameter] = {}
    modes: dict[Slug, Mode] = {}
    gradients: Gradients = Gradients(wrt=[])
    accuracy: Accuracy = Accuracy(model="composite")
    properties: list[Property] = Field(default=[], alias="property")
    misreadings: list[Misreading] = Field(default=[], alias="misreading")
    errors: list[ErrorContract] = []
    cases: list[Case] = Field(min_length=1, alias="case")
    benchmark: Benchmark | None = None

    _path: str = PrivateAttr(default="")
    _file: Path | None = PrivateAttr(default=None)
    _positions: Positions = PrivateAttr(default_factory=lambda: Positions(""))
    _bound: dict[str, Any] = PrivateAttr(default_factory=dict)

    @cached_property
    def header(self) -> Header:
        """The table that gives the spec its kind."""
        header: Header = getattr(self, self.kind)
        return header

    @cached_property
    def kind(self) -> Kind:
        """What the spec describes."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def name(self) -> str:
        """The class name, such as ``Conv2d``."""
        return self.header.name

    @property
    def path(self) -> str:
        """The file in ids and messages, such as ``specs/conv/conv2d.toml``."""
        return self._path

    @property
    def file(self) -> Path | None:
        """The file itself; None for a spec that was given as text."""
        return self._file

    @property
    def bound(self) -> dict[str, Any]:
        """The cases that have been bound, by id (`conformance.spec.bound_case.bound_case`)."""
        return self._bound

    def line(self, *path: str | int) -> int:
        """The line of a key."""
        return self._positions.line(path)

    def case(self, id: str) -> Case:
        """A case by its id; raises `KeyError` if there is none."""
        return self._cases[id]

    @cached_property
    def _cases(self) -> dict[str, Case]:
        return {case.id: case for case in self.cases}

    def input(self, name: str, case: Case | None = None) -> Tensor:
        """An input in its full form (that of a case, where the case has another)."""
        entry = (case.inputs if case else {}).get(name, self.inputs[name])
        return entry if isinstance(entry, Tensor) else Tensor(shape=entry)

    def output_shapes(self, name: str) -> list[Output]:
        """The alternatives for an output's shape."""
        entry = self.outputs[name]
        if isinstance(entry, str):
            return [Output(shape=entry)]
        return entry if isinstance(entry, list) else [entry]

    def mode_names(self, case: Case | None = None) -> list[str | None]:
        """The modes to grade (of a case), or a single None for a layer that has no modes."""
        if self.trajectory is not None:
            return [*self.trajectory.gradients]
        if not self.modes:
            return [None]
        return [mode for mode in self.modes if case is None or mode in (case.modes or self.modes)]

    def is_random(self, mode: str | None) -> bool:
        """Whether the output is random in this mode."""
        return mode is not None and mode in self.modes and self.modes[mode].random


ErrorContract.model_rebuild()
