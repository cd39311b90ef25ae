"""Patterns that a wrong array shows, whatever the layer: a factor, a transpose, a zero row.

Each detector looks at a `Failure` and gives a sentence or nothing. The first that speaks is told:
they stand in order, the most particular first.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np

from conformance.diagnosis.failure import Array, Failure
from conformance.records.verdict import Diagnosis

Detector = Callable[[Failure], str | None]

DETECTORS: dict[str, Detector] = {}

_CLOSE = 1e-6  # ratios agree this far in float32, too

# The logarithm of a factor without a name: one nearer to 1, or further off, says nothing.
_NOTABLE, _ABSURD = 0.01, 7.0


def detector(id: str) -> Callable[[Detector], Detector]:
    """Register a detector under the id that a diagnosis shows."""

    def register(function: Detector) -> Detector:
        DETECTORS[id] = function
        return function

    return register


def detect(failure: Failure) -> Diagnosis | None:
    """The first pattern that the failure shows."""
    if failure.right.all():
        return None  # barely outside: rounding, and no formula to recognise
    with np.errstate(all="ignore"):
        for id, function in DETECTORS.items():
            if sentence := function(failure):
                return Diagnosis(id, f"{failure.tensor} {sentence}", "pattern")
    return None


@detector("not-finite")
def _not_finite(f: Failure) -> str | None:
    bad = ~np.isfinite(f.got) & f.compared
    if not bad.any():
        return None
    kind = "NaN" if np.isnan(f.got[bad]).all() else "not finite"
    return f"is {kind} in {bad.sum()} of {f.got.size} places where it should be finite"


@detector("zero")
def _zero(f: Failure) -> str | None:
    if f.got.any() or not f.wanted[f.compared].any():
        return None
    return "is zero everywhere: nothing was computed, or nothing was stored"


@detector("float32-rounding")
def _float32_rounding(f: Failure) -> str | None:
    """Correct to the 24 bits of float32 and no further, in a float64 run."""
    if f.evidence.dtype != "float64":
        return None
    scale = float(np.abs(f.wanted[f.compared]).max(initial=0.0))
    error = float(np.abs(f.got - f.wanted)[f.compared].max(initial=0.0))
    stored = bool((f.got.astype(np.float32) == f.got).all())
    if not stored or not 2.0**-34 * scale < error < 2.0**-19 * scale:
        return None
    return "is right to the precision of float32 only: something is computed or stored in float32"


@detector("constant-factor")
def _constant_factor(f: Failure) -> str | None:
    """The right values times one number: a mean for a sum, a missing 2, a flipped sign."""
    ratio = _ratio(f.got[f.compared], f.wanted[f.compared], f.allowed[f.compared])
    if ratio is None or abs(ratio - 1) < _CLOSE:
        return None
    if math.isclose(ratio, -1, rel_tol=_CLOSE):
        return "has the wrong sign"
    name = _name_of_factor(f, ratio)
    notable = _NOTABLE < abs(math.log(abs(ratio))) < _ABSURD
    if not name and (f.got.size == 1 or not notable):
        return None  # any wrong number is some factor away
    return f"is {ratio:.6g} times what it should be{name}"


def _ratio(got: Array, wanted: Array, allowed: Array) -> float | None:
    """The one factor between two arrays, if there is one."""
    large = np.abs(wanted) > 1e-3 * np.abs(wanted).max(initial=0.0)
    if large.sum() < min(2, wanted.size) or not large.any():
        return None
    ratios = got[large] / wanted[large]
    ratio = float(np.median(ratios))
    if not math.isfinite(ratio) or ratio == 0 or not np.allclose(ratios, ratio, rtol=_CLOSE):
        return None
    left = np.abs(got - ratio * wanted)
    slack = 16 * (1 + abs(ratio)) * allowed.max(initial=0.0) + _CLOSE * np.abs(wanted).max()
    return ratio if (left <= slack).all() else None


def _name_of_factor(f: Failure, ratio: float) -> str:
    """``: the factor is 1/N``; nothing where no size of the case explains the number."""
    for name, value in _factors(f):
        for factor, number in ((name, value), (f"1/({name})", 1 / value)):
            if value > 1 and math.isclose(ratio, number, rel_tol=_CLOSE):
                return f": the factor is {_SHORTER.get(factor, factor)}"
    return ""


_SHORTER = {"1/(1/(1 - p))": "1 - p", "1/(N)": "1/N", "1/(N/(N-1))": "(N-1)/N"}


def _factors(f: Failure) -> Iterator[tuple[str, float]]:
    """Numbers above one that mistaken factors are made of, the likeliest first."""
    bound = f.evidence.bound
    if isinstance(p := bound.bindings.get("p"), float) and 0 < p < 1:
        yield "1/(1 - p)", 1 / (1 - p)
    sizes: dict[str, int] = {}
    for name, size in bound.dims.items():
        if isinstance(size, tuple):
            names = [name] if len(size) == 1 else [f"{name}[{i}]" for i in range(len(size))]
            sizes |= dict(zip(names, size, strict=True))
        else:
            sizes[name] = size
    for count in range(1, len(sizes) + 1):
        for chosen in itertools.combinations(sizes.items(), count):
            yield "*".join(name for name, _ in chosen), math.prod(size for _, size in chosen)
    if (n := sizes.get("N", 0)) > 1:
        yield "N/(N-1)", n / (n - 1)


@detector("another-tensor")
def _another(f: Failure) -> str | None:
    """The values of something else that the layer handles."""
    return next((f"equals {name}" for name, array in _others(f) if f.equals(array)), None)


def _others(f: Failure) -> Iterator[tuple[str, Array]]:
    """Named arrays; none for a single number, which may be equal to anything."""
    if f.got.size == 1:
        return
    programs = f.evidence.programs
    if f.evidence.bound.spec.kind not in ("layer", "loss", "container"):
        return
    yield "the gradient that backward was given", programs.cotangent
    for name, array in programs.inputs().items():
        yield f"{name}, the input of forward", array
    for name, array in {**programs.parameters, **programs.buffers}.items():
        yield f"{name} itself", array
    for expectation in f.evidence.memory.expectations.values():
        for step in expectation.steps if expectation is not None else ():
            for name, expected in step.items():
                value, other = expected.value, f"the {name} of another call"
                if value.shape == f.wanted.shape and not f.close(value, f.wanted).all():
                    yield other if name == f.tensor else f"what {name} should be", value


@detector("transposed")
def _transposed(f: Failure) -> str | None:
    """The axes are in another order, which equal sizes hide."""
    rank = f.wanted.ndim
    if not 2 <= rank <= 4:
        return None
    for order in itertools.permutations(range(rank)):
        turned = f.wanted.transpose(order)
        if order != tuple(range(rank)) and turned.shape == f.got.shape and f.equals(turned):
            if rank == 2:
                return "is transposed"
            return f"has its axes in the order {list(order)}"
    return None


@detector("flipped")
def _flipped(f: Failure) -> str | None:
    for count in range(1, f.wanted.ndim + 1):
        for axes in itertools.combinations(range(f.wanted.ndim), count):
            if f.equals(np.flip(f.wanted, axes)):
                many = "axes" if count > 1 else "axis"
                return f"is reversed along {many} {', '.join(map(str, axes))}"
    return None


@detector("sign-of-input")
def _sign_of_input(f: Failure) -> str | None:
    """One branch of a piecewise function is wrong."""
    bound = f.evidence.bound
    rules = [bound.input(n).shape for n in bound.spec.inputs]
    rules += [bound.output_rule(n).shape for n in bound.spec.outputs]
    if len(rules) < 2 or len(set(rules)) > 1:  # not a function of each element
        return None
    x = next(iter(f.evidence.programs.inputs().values()))
    if x.shape != f.got.shape or (~f.right).sum() < 2:
        return None
    wrong = ~f.right
    for word, where in (("negative", x < 0), ("positive", x > 0), ("zero", x == 0)):
        if where.any() and (~where & f.compared).any() and (wrong <= where).all():
            return f"is wrong only where the input is {word}"
    return None


@detector("zero-rows")
def _zero_rows(f: Failure) -> str | None:
    """Some rows were never written; the others are right."""
    for axis in range(f.got.ndim):
        others = tuple(i for i in range(f.got.ndim) if i != axis)
        owed = np.where(f.compared, f.wanted, 0).any(axis=others)
        zero = np.asarray(~f.got.any(axis=others) & owed)
        right = np.asarray(f.right.all(axis=others))
        if zero.any() and (zero | right).all() and right.any():
            return f"is zero at {_places(zero)} of axis {axis}, and right elsewhere"
    return None


@detector("first-sample")
def _first_sample(f: Failure) -> str | None:
    """Everything was computed from one sample, or only one was computed."""
    shapes = {**f.evidence.bound.outputs(), **f.evidence.bound.inputs()}
    if f.got.ndim == 0 or f.got.shape[0] < 3 or f.tensor.removeprefix("grad_") not in shapes:
        return None
    others = tuple(range(1, f.got.ndim))
    right = np.asarray(f.right.all(axis=others))
    if right[0] and not right[1:].any():
        same = f.close(f.got, np.broadcast_to(f.wanted[:1], f.wanted.shape)).all()
        if same:
            return "repeats the result of the first sample for all samples"
        return "is right for the first sample only"
    return None


@detector("border")
def _border(f: Failure) -> str | None:
    """Padding: the inside is right."""
    if f.got.ndim < 3 or min(f.got.shape[-2:]) < 3:
        return None
    inside = (..., slice(1, -1), slice(1, -1))
    if f.right[inside].all() and not f.right.all():
        return "is right inside and wrong at the border only: look at the padding"
    return None


@detector("factor-per-slice")
def _factor_per_slice(f: Failure) -> str | None:
    """One factor for each channel or sample: a weight or a divisor is missing there."""
    for axis in range(f.got.ndim):
        rows = [np.moveaxis(array, axis, 0) for array in (f.got, f.wanted, f.allowed)]
        if len(rows[0]) < 2 or rows[0][0].size < 3 or not f.compared.all():
            continue
        ratios = [_ratio(*row) or math.nan for row in zip(*rows, strict=True)]
        if max(abs(math.log(abs(ratio))) for ratio in ratios) > _NOTABLE:
            return (
                f"differs by one factor for each index of axis {axis}: something that varies along "
                "it is missing or superfluous"
            )
    return None


@detector("constant-offset")
def _constant_offset(f: Failure) -> str | None:
    difference = (f.got - f.wanted)[f.compared]
    if difference.size < 2 or not np.isfinite(difference).all():
        return None
    offset = float(np.median(difference))
    if offset == 0 or not np.allclose(difference, offset, rtol=_CLOSE, atol=0):
        return None
    return f"is off by {offset:.6g} everywhere"


@detector("shuffled")
def _shuffled(f: Failure) -> str | None:
    """The right values in the wrong places: a reshape for a transpose, an order of axes."""
    if f.got.size < 3 or not f.compared.all():
        return None
    got, wanted = np.sort(f.got, axis=None), np.sort(f.wanted, axis=None)
    if np.unique(wanted).size < 3 or not (np.abs(got - wanted) <= f.slack).all():
        return None
    return "has the right values in the wrong places"


def _places(chosen: Array) -> str:
    indices = np.flatnonzero(chosen).tolist()
    words = ", ".join(map(str, indices[:4])) + (", …" if len(indices) > 4 else "")
    return f"{'index' if len(indices) == 1 else 'indices'} {words}"
