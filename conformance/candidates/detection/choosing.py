"""Find what serves a spec in an implementation, and choose how to drive it.

By name (`names.CLASSES`), then by what a candidate shows when it is built once at the sizes of the
spec's probe: methods, signatures, and where its arrays are. Nothing is guessed silently: what was
assumed is a note, what was not found says where it was looked for.
"""

from __future__ import annotations

import contextlib
import io
import random
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from conformance.candidates.dialect import (
    ContainerSubject,
    ContractError,
    Factory,
    NotImplementedHere,
    Subject,
)
from conformance.candidates.driving.adapted import AdaptedDialect
from conformance.candidates.driving.adapted_training import (
    FORMS,
    FUNCTION,
    FUNCTION_OF_ONE,
    AdaptedTraining,
    moves,
    probe_trial,
    read_options,
    words_for,
)
from conformance.candidates.driving.dialects import styles
from conformance.candidates.driving.functions import (
    ELEMENTWISE,
    FunctionsDialect,
    FunctionSubject,
    Pair,
    look_up_functions,
    options_argument,
)
from conformance.candidates.driving.native import NativeContainer, NativeDialect, NativeSubject
from conformance.candidates.driving.stored_input import StoredInput
from conformance.candidates.driving.style import Held, Style, target_first
from conformance.candidates.driving.torch7 import Torch7
from conformance.candidates.trouble import describe_exception
from conformance.candidates.wiring.arguments import (
    Construction,
    match_arguments,
    parameters_of,
    positional,
)
from conformance.candidates.wiring.binding_file import BoundTensor, Target
from conformance.candidates.wiring.names import CLASSES, TENSORS, normalised, rank, spellings
from conformance.candidates.wiring.places import Layout, follow, layout_between, parse_layout, plain
from conformance.candidates.wiring.probe import Probe, probe_for
from conformance.candidates.wiring.wiring import Found, Placed, Wiring
from conformance.extensions import ExtensionError
from conformance.records.trial import Trial

NOTHING_SAID = Target()

# Names that could mean several specs: which one shows in what they accept.
_GENERIC = frozenset(
    name for name in map(normalised, ("BatchNorm", "BatchNormalization", "BN"))
)  # fmt: skip


@dataclass(frozen=True)
class Named:
    """Something in the implementation with a name that serves a spec."""

    name: str
    value: Any
    rank: int


def look_up(namespace: Any, layer: str) -> list[Named]:
    """Classes of the implementation under the spec's name or a synonym, the likeliest first."""
    known = spellings(layer, CLASSES)
    found = []
    for name, value in members(namespace):
        place = rank(name, known)
        if place is not None and is_class(value):
            found.append(Named(name, value, -1 if name == layer else place))
    unique: dict[int, Named] = {}
    for named in sorted(found, key=lambda named: named.rank):
        unique.setdefault(id(named.value), named)
    return list(unique.values())


def members(namespace: Any) -> Iterator[tuple[str, Any]]:
    """The public names of a namespace and what they stand for."""
    if isinstance(namespace, Mapping):
        yield from ((name, value) for name, value in namespace.items() if isinstance(name, str))
        return
    for name in dir(namespace):
        if not name.startswith("_"):
            try:
                yield name, getattr(namespace, name)
            except Exception:
                continue


def is_class(value: Any) -> bool:
    """A class, or what builds layers without being a function of arrays (a partial, a lambda)."""
    return isinstance(value, type)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Candidates may print, warn and draw random numbers; nobody is to notice."""
    state = random.getstate(), np.random.get_state()
    try:
        with (
            warnings.catch_warnings(),
            np.errstate(all="ignore"),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(state[0])
        np.random.set_state(state[1])


def attempt(call: Callable[[], Any]) -> tuple[Any, str | None]:
    """What a call of the candidate returned, or the exception in one line."""
    with quietly():
        try:
            return call(), None
        except (ContractError, NotImplementedHere) as error:
            return None, str(error)
        except (KeyboardInterrupt, ExtensionError):
            raise
        except BaseException as error:
            message, where = describe_exception(error)
            return None, f"{message}{f' ({where})' if where else ''}"


def detect(named: Sequence[Named], probe: Probe, said: Target = NOTHING_SAID) -> Found | None:
    """Choose among candidates of one spec: the first that has everything, else the first."""
    options = [found for one in named if (found := examine(one, probe, said)) is not None]
    if not options:
        return None
    chosen = next((found for found in options if not found.missing), options[0])
    others = tuple(found.name for found in options if found is not chosen)
    notes = chosen.notes
    if others:
        plain = f"{chosen.name} is graded as {probe.layer}"
        rest = tuple(note for note in notes if note != plain)
        notes = (f"{plain}, not {', '.join(others)}", *rest)
    return replace(chosen, others=others, notes=notes)


def examine(named: Named, probe: Probe, said: Target = NOTHING_SAID) -> Found | None:
    """How one class would serve a spec; None if it takes no such input."""
    factory, name = named.value, named.name
    if (torch := torch_dialect(factory)) is not None:
        return Found(name, factory, torch)
    construction = match_arguments(
        factory, probe, name, bound=said.arguments, fixed=said.fixed, always=said.always
    )
    probe = probe.with_config(**said.always)
    layer, refusal = attempt(lambda: factory(**construction.keywords(probe.trial)))
    plainly = said.dialect in (None, "native") and not _shapes_the_plan(said)
    if refusal is None and plainly and named.rank < 0 and fits_native(layer, probe, construction):
        return Found(name, factory, NativeDialect())
    if refusal is not None:
        if plainly and named.rank < 0 and not construction.missing:
            return Found(name, factory, NativeDialect())  # grading says what it raised
        wiring = Wiring(construction, missing={"": refusal})
        return Found(name, factory, AdaptedDialect(StoredInput(), wiring), wiring)
    fitting = [style for style in styles() if style.speaks(layer)]
    if said.dialect not in (None, "native"):
        fitting = [style for style in styles() if style.name == said.dialect]
    wirings = [plan_for(style, factory, construction, probe, said) for style in fitting]
    style, wiring = min(
        zip(fitting, wirings, strict=True), key=lambda pair: len(pair[1].missing)
    )  # the first of equals
    if normalised(name) in _GENERIC and not _takes_the_input(style, wiring, factory, probe):
        return None
    if wiring.missing and named.rank < 0 and plainly:
        return Found(name, factory, NativeDialect(), replace(wiring, notes=()))
    notes = (
        wiring.notes if named.rank < 0 else (f"{name} is graded as {probe.layer}", *wiring.notes)
    )
    return Found(name, factory, AdaptedDialect(style, wiring), wiring, notes=notes)


def detect_functions(namespace: Any, probe: Probe) -> Found | None:
    """A function that serves a spec, where no class does; with its gradient, if there is one."""
    table = dict(members(namespace))
    options = [
        found
        for name, forward, of, backward in look_up_functions(table, probe.layer)
        if (found := _function(name, forward, of, backward, probe)) is not None
    ]
    if not options:
        return None
    chosen = options[0]
    others = tuple(found.name for found in options[1:])
    return replace(chosen, others=others)


def _function(
    name: str,
    forward: Callable[..., Any],
    of: str,
    backward: Callable[..., Any] | None,
    probe: Probe,
) -> Found | None:
    """How a function would serve a spec; None if it takes or gives something else."""
    tensors = list(probe.trial.parameters)
    needed = len(probe.trial.inputs) + len(tensors)
    taken, required = positional(forward)
    options = options_argument(forward)
    if len(taken) < needed or required > needed + (options is not None):
        return None
    construction = match_arguments(forward, probe, name, skip=needed + (options is not None))
    if options is None and tensors and probe.trial.buffers:
        return None  # running statistics have nowhere to go
    # The arrays say the sizes, the options the rest.
    said = set(probe.trial.config) if options is not None else set(probe.conditions)
    said |= set(probe.dims)
    always = {
        argument: True for argument in probe.conditions if argument not in construction.expressed
    }
    construction = replace(
        construction, sizes=tuple(said), always={} if options is not None else always
    )
    plain_pair = Pair(name, forward, backward, {}, options, construction)
    turned = {
        tensor: Layout(tuple(reversed(range(len(shape)))))
        for tensor, shape in probe.shapes.items()
        if len(shape) == 2
    }
    for pair in (plain_pair, replace(plain_pair, layouts=turned)):
        result, _ = attempt(partial(_run, pair, probe))
        if result is not None and np.shape(result[0]) == probe.output:
            break
    else:
        return None
    notes = [f"{name}() is graded as {probe.layer}"]
    if not of and not (probe.kind == "loss" and _gives_gradient(pair, probe)):
        notes.append(f"{name}() has no function for its gradient")
    if probe.layer in ELEMENTWISE and backward is not None and _of_output(pair, probe):
        pair = replace(pair, of_output=True)
        notes.append(f"{of}() is given the output, because that gives the derivative")
    tensors_plan = {
        tensor: Placed(
            taken[len(probe.inputs) + i],
            pair.layouts.get(tensor, plain(len(probe.shapes[tensor]))),
        )
        for i, tensor in enumerate(tensors)
    }
    wiring = Wiring(construction, tensors_plan, notes=tuple(notes))
    shown = f"{name}, {of}" if of else name
    return Found(shown, forward, FunctionsDialect(pair), wiring, notes=tuple(notes))


def _run(pair: Pair, probe: Probe) -> Sequence[Any]:
    subject = FunctionSubject(pair, probe.trial)
    for tensor, shape in probe.shapes.items():
        subject.set(tensor, np.ones(shape))
    return subject.forward([array.copy() for array in probe.inputs])


def _gives_gradient(pair: Pair, probe: Probe) -> bool:
    """Whether a loss returns its gradient beside it."""
    result, _ = attempt(lambda: pair.forward(*probe.inputs))
    return isinstance(result, tuple) and np.shape(result[-1]) == probe.inputs[0].shape


def _of_output(pair: Pair, probe: Probe) -> bool:
    """Whether a derivative is right at the output of its function and not at the input."""
    x = 2 * probe.inputs[0] - 1
    h = 1e-6

    def compare() -> tuple[bool, bool]:
        assert pair.backward is not None
        numeric = (pair.forward(x + h) - pair.forward(x - h)) / (2 * h)
        at_input = np.allclose(pair.backward(x), numeric, atol=1e-5)
        return at_input, np.allclose(pair.backward(pair.forward(x)), numeric, atol=1e-5)

    result, _ = attempt(compare)
    return result is not None and not result[0] and result[1]


def detect_training(
    named: Sequence[Named], namespace: Any, trial: Trial, said: Target = NOTHING_SAID
) -> Found | None:
    """An optimizer or scheduler: a class, else (for optimizers) a function."""
    probe = probe_for(trial)
    options = [found for one in named if (found := _training(one, probe, said)) is not None]
    if not options and trial.kind == "optimizer":
        functions = look_up_functions(dict(members(namespace)), trial.layer)
        options = [
            f for n, function, _, _ in functions if (f := _update_function(n, function, probe))
        ]
    if not options:
        return None
    others = tuple(found.name for found in options[1:])
    notes = options[0].notes
    if others:
        notes = (f"{options[0].name} is graded as {probe.layer}, not {', '.join(others)}", *notes)
    return replace(options[0], others=others, notes=notes)


def _training(named: Named, probe: Probe, said: Target) -> Found | None:
    factory, name, exact = named.value, named.name, named.rank < 0
    if (torch := torch_dialect(factory)) is not None:
        return Found(name, factory, torch)
    if probe.kind == "scheduler":
        construction = _matched(factory, probe, name, said, 1)
        if exact and all(argument.how == "name" for argument in construction.arguments):
            return Found(name, factory, NativeDialect())
        wiring = Wiring(construction, missing=_as_missing(construction))
        notes = () if exact else (f"{name} is graded as {probe.layer}",)
        return Found(name, factory, AdaptedTraining(wiring), wiring, notes=notes)
    for form in FORMS:
        skip = {"construction": 1, "lists": 2}.get(form.how, 0)
        construction = _matched(factory, probe, name, said, skip)
        dialect = AdaptedTraining(Wiring(construction), form)
        moved, _ = attempt(partial(moves, dialect, factory, probe.trial))
        if not moved:
            continue
        by_name = all(argument.how == "name" for argument in construction.arguments)
        if exact and form.name == "pairs" and by_name and not said.fixed:
            break
        notes = () if exact else (f"{name} is graded as {probe.layer}",)
        return Found(name, factory, dialect, dialect.wiring, notes=notes)
    if exact:
        return Found(name, factory, NativeDialect())
    construction = _matched(factory, probe, name, said, 1)
    missing = {"": f"{name} moves no parameter in any form that is known"}
    wiring = Wiring(construction, missing=missing)
    return Found(name, factory, AdaptedTraining(wiring, FORMS[0]), wiring)


def _matched(factory: Factory, probe: Probe, name: str, said: Target, skip: int) -> Construction:
    return match_arguments(
        factory,
        probe,
        name,
        skip=skip,
        bound=said.arguments,
        fixed=said.fixed,
        always=said.always,
    )


def _as_missing(construction: Construction) -> dict[str, str]:
    return {"": "; ".join(construction.missing)} if construction.missing else {}


def _update_function(name: str, function: Callable[..., Any], probe: Probe) -> Found | None:
    """A function that updates arrays, and which options it reads."""
    taken, _ = positional(function)
    form = {4: FUNCTION, 3: FUNCTION_OF_ONE}.get(len(taken))
    if form is None:
        return None
    trial = probe_trial(probe.trial)
    everything = frozenset(word for n in trial.config for word in words_for(n))
    wiring = Wiring(Construction(name), notes=(f"{name}() is graded as {probe.layer}",))
    moved, _ = attempt(lambda: moves(AdaptedTraining(wiring, form, everything), function, trial))
    if not moved:
        return None
    read, _ = attempt(lambda: read_options(form, function, trial))
    read = read or set()
    dialect = AdaptedTraining(wiring, form, frozenset(read))
    return Found(name, function, dialect, wiring, notes=wiring.notes)


def detect_container(named: Sequence[Named], trial: Trial) -> Found | None:
    """A container: native if it takes its layers as arguments and can be asked for them."""
    if not named:
        return None
    first, others = named[0], tuple(one.name for one in named[1:])
    if (torch := torch_dialect(first.value)) is not None:
        return Found(first.name, first.value, torch, others=others)
    styles = [style for style in (Torch7(), StoredInput()) if _speaks(style, first.value)]
    wiring = Wiring(Construction(first.name))
    return Found(first.name, first.value, ContainerDialect(styles[0], wiring), others=others)


def _speaks(style: Style, factory: Any) -> bool:
    """Whether a class of containers shows a style, without being built."""
    return bool(style.speaks(factory))


class ContainerDialect(AdaptedDialect):
    """Native containers of native layers are driven as such."""

    def assemble(
        self, factory: Factory, parts: Mapping[str, Subject], trial: Trial
    ) -> ContainerSubject:
        """Construct a container of layers."""
        native = all(isinstance(part, NativeSubject | NativeContainer) for part in parts.values())
        known = parameters_of(factory) or {}
        if native and any(p.kind is p.VAR_POSITIONAL for p in known.values()):
            return NativeDialect().assemble(factory, parts, trial)
        return super().assemble(factory, parts, trial)


def _shapes_the_plan(said: Target) -> bool:
    """Whether a binding says what only a wiring can hold."""
    return bool(
        said.arguments or said.fixed or said.always or said.parameters
        or said.channels_last or said.lazy or said.one_hot
    )  # fmt: skip


def torch_dialect(factory: Any) -> Any:
    """The torch-module dialect, for what is PyTorch's.

    A class can be a torch module only where PyTorch has been imported already, so asking costs
    nothing where it has not.
    """
    if sys.modules.get("torch") is None:
        return None
    from conformance.candidates.pytorch.modules import TorchModuleDialect

    dialect = TorchModuleDialect()
    return dialect if dialect.recognises(factory) else None


def fits_native(layer: Any, probe: Probe, construction: Construction) -> bool:
    """Whether a layer built under PyTorch's argument names has all that the native dialect asks."""
    if construction.missing or construction.sizes:
        return False
    if any(argument.how != "name" for argument in construction.arguments):
        return False
    for name, shape in probe.shapes.items():
        value = getattr(layer, name, None)
        if not isinstance(value, np.ndarray) or value.shape != shape:
            return False
    if not callable(getattr(layer, "forward", layer)):
        return False
    if probe.kind == "loss" and target_first(getattr(layer, "forward", layer)):
        return False
    names, required = positional(getattr(layer, "backward", lambda: None))
    if not names or required > 1:
        return False
    methods = [*(("train", "eval") if probe.trial.modes else ())]
    methods += ["zero_grad"] if probe.trial.parameters else []
    return all(callable(getattr(layer, method, None)) for method in methods)


def plan_for(
    style: Style, factory: Factory, construction: Construction, probe: Probe, said: Target
) -> Wiring:
    """Where a style finds what the spec asks for; each call looks at a layer of its own."""
    wiring = Wiring(construction, channels_last=said.channels_last, one_hot=said.one_hot)
    subject, trouble = attempt(lambda: AdaptedDialect(style, wiring).build(factory, probe.trial))
    if subject is None:
        return replace(wiring, missing={"": trouble or ""})
    layer: Any = subject.layer
    tensors, missing, notes = locate(style, layer, probe, said)
    lazy = False
    if (missing or said.lazy) and probe.inputs:
        _, refused = attempt(lambda: subject.forward(probe.inputs))
        if refused is not None and missing:
            missing = {n: f"{why}; its first forward: {refused}" for n, why in missing.items()}
        later = locate(style, layer, probe, said, by_shape=False)  # forward leaves its own arrays
        if said.lazy or len(later[1]) < len(missing):
            tensors, missing, notes = later
            lazy = True
            notes = [*notes, f"{construction.name} makes its arrays at the first forward"]
    construction, missing, more = _without(construction, missing, probe)
    notes += more
    if style.method(layer, style.forward_names) is None:
        missing[""] = f"{construction.name} has no method forward and cannot be called"
    elif probe.trial.differentiable and not _has_backward(style, layer):
        missing[""] = f"{construction.name} has no method backward()"
    for name in construction.sizes:
        notes.append(f"{construction.name} takes no {name}: its input shows it")
    for argument in construction.arguments:
        if argument.how == "position":
            notes.append(
                f"{construction.name}({argument.theirs}) is taken for {argument.expression}, "
                "by its position"
            )
    wiring = replace(
        wiring,
        construction=construction,
        tensors=tensors,
        missing=missing,
        lazy=lazy,
        notes=tuple(notes),
    )
    wiring = _padding(style, wiring, factory, probe)
    return _targets(style, wiring, factory, probe)


def _has_backward(style: Style, layer: Any) -> bool:
    return style.method(layer, (*style.backward_names, "updateGradInput")) is not None


def locate(
    style: Style, layer: Any, probe: Probe, said: Target, by_shape: bool = True
) -> tuple[dict[str, Placed], dict[str, str], list[str]]:
    """The places of parameters and buffers: by name, then by shape where one array is left."""
    held = list(style.held(layer))
    placed: dict[str, Placed] = {}
    missing: dict[str, str] = {}
    notes: list[str] = []
    taken: set[str] = set()
    for tensor, entry in said.tensors.items():
        if tensor in probe.shapes:
            found = _as_said(style, layer, tensor, probe.shapes[tensor], entry)
            if isinstance(found, str):
                missing[tensor] = found
            elif found is not None:
                placed[tensor] = found
                taken.add(found.path)
    for tensor, shape in probe.shapes.items():
        if tensor in placed or tensor in missing:
            continue
        order = spellings(tensor, TENSORS)
        hits = [h for h in held if rank(h.name, order) is not None and h.path not in taken]
        hits.sort(key=lambda h: rank(h.name, order) or 0)
        fitting = [(h, axes) for h in hits if (axes := _layout(layer, h, shape)) is not None]
        if fitting:
            one, axes = fitting[0]
            placed[tensor] = Placed(one.path, axes, (*one.grads, *style.beside(tensor)))
            taken.add(one.path)
        elif hits:
            other = np.shape(follow(layer, hits[0].path))
            missing[tensor] = (
                f"{type(layer).__name__}.{hits[0].path} has shape {other}, which no order of axes "
                f"makes {shape}, the shape of {tensor}"
            )
    for tensor, shape in probe.shapes.items():
        known = tensor in placed or tensor in missing
        if known or not by_shape or tensor not in probe.trial.parameters:
            continue
        free = [
            (h, axes)
            for h in held
            if h.path not in taken
            and _could_be_parameter(h.name)
            and (axes := _layout(layer, h, shape)) is not None
        ]
        if len(free) == 1 or (free and not free[0][0].name):
            one, axes = free[0]
            grads = (*one.grads, *style.beside(tensor))
            placed[tensor] = Placed(one.path, axes, grads, "shape")
            taken.add(one.path)
            notes.append(f"{type(layer).__name__}.{one.path} is taken for {tensor}, by its shape")
    for tensor in probe.shapes:
        if tensor not in placed and tensor not in missing:
            missing[tensor] = (
                f"{type(layer).__name__} has no array for {tensor} "
                f"(it holds {', '.join(h.path for h in held) or 'none'})"
            )
    return placed, missing, notes


def _as_said(
    style: Style, layer: Any, tensor: str, shape: Sequence[int], entry: BoundTensor
) -> Placed | str | None:
    """The place that a binding gives; a string says why there is none, None that it gives none."""
    held = {h.path: h for h in style.held(layer)}
    path = entry.name
    if path is None:
        order = spellings(tensor, TENSORS)
        path = next((h.path for h in held.values() if rank(h.name, order) is not None), None)
    if path is None:
        return None
    for inner in (path, *(f"{path}.{key}" for key in ("data", "weights", "value"))):
        array = follow(layer, inner)
        if isinstance(array, np.ndarray):
            path = inner
            break
    else:
        return f"{type(layer).__name__} has no array {path} (it holds {', '.join(held) or 'none'})"
    wanted = parse_layout(entry.layout) if entry.layout else layout_between(array.shape, shape)
    if wanted is None or wanted.to_spec(array).shape != tuple(shape):
        axes = f" with the axes {entry.layout!r}" if entry.layout else ""
        return (
            f"{type(layer).__name__}.{path} has shape {array.shape}{axes}, "
            f"but {tensor} should have {tuple(shape)}"
        )
    grads = held[path].grads if path in held else ()
    said = () if entry.gradient is None else (entry.gradient,)
    last = path.split(".")[0]
    grads = (*said, *grads, *style.beside(last), *style.beside(tensor))
    return Placed(path, wanted, grads, "binding")


def _layout(layer: Any, held: Held, shape: Sequence[int]) -> Layout | None:
    return layout_between(np.shape(follow(layer, held.path)), shape)


def _could_be_parameter(name: str) -> bool:
    plain = normalised(name)
    known = {word for table in TENSORS.values() for word in map(normalised, table)}
    return not plain.startswith(("grad", "d", "moving", "running")) and plain not in known


def _without(
    construction: Construction, missing: Mapping[str, str], probe: Probe
) -> tuple[Construction, dict[str, str], list[str]]:
    """Where an argument (affine, bias) and all that it switches on are absent: it is always off."""
    left, notes, always = dict(missing), [], dict(construction.always)
    for argument, tensors in probe.conditions.items():
        known = argument in construction.expressed or argument in always
        if known or not all(name in left for name in tensors):
            continue
        always[argument] = False
        for name in tensors:
            del left[name]
        notes.append(
            f"{construction.name} has no {' and no '.join(tensors)}: graded as {argument} = false"
        )
    return replace(construction, always=always), left, notes


def _padding(style: Style, wiring: Wiring, factory: Factory, probe: Probe) -> Wiring:
    """A convolution without an argument for its padding may keep the size of the image."""
    construction = wiring.construction
    if "padding" not in probe.trial.config or probe.output is None or wiring.missing:
        return wiring
    if "padding" in construction.expressed or "padding" in construction.always:
        return wiring
    result, _ = _called(style, wiring, factory, probe)
    size = probe.inputs[0].shape[-2:]
    if result is None or np.shape(result[0])[-2:] != size or probe.output[-2:] == size:
        return wiring
    note = f"{construction.name} keeps the size of the image: graded as padding = 'same'"
    always = {**construction.always, "padding": "same"}
    return replace(
        wiring, construction=replace(construction, always=always), notes=(*wiring.notes, note)
    )


def _targets(style: Style, wiring: Wiring, factory: Factory, probe: Probe) -> Wiring:
    """A loss that cannot use class indices may want one-hot rows."""
    if not probe.trial.labels or wiring.missing or probe.inputs[-1].dtype.kind not in "iu":
        return wiring
    result, _ = _called(style, wiring, factory, probe)
    if result is not None and np.shape(result[0]) == ():
        return wiring
    rows = replace(wiring, one_hot=True)
    result, _ = _called(style, rows, factory, probe)
    if result is None or np.shape(result[0]) != ():
        return wiring
    return replace(
        rows, notes=(*wiring.notes, f"{wiring.construction.name} is given one-hot targets")
    )


def _called(
    style: Style, wiring: Wiring, factory: Factory, probe: Probe
) -> tuple[Sequence[Any] | None, str | None]:
    """What forward gives for the probe's input, or why it gives nothing."""
    dialect = AdaptedDialect(style, replace(wiring, lazy=False))

    def call() -> Sequence[Any]:
        always = {name: wiring.construction.always[name] for name in wiring.construction.always}
        subject = dialect.build(factory, probe.with_config(**always).trial)
        return subject.forward([array.copy() for array in probe.inputs])

    result, trouble = attempt(call)
    return result, trouble


def _takes_the_input(style: Style, wiring: Wiring, factory: Factory, probe: Probe) -> bool:
    """Whether a candidate whose name could mean several specs gives this spec's output shape."""
    if probe.layer.endswith("2d") and wiring.construction.always.get("affine") is False:
        return False  # nothing shows that it means channels
    result, _ = _called(style, wiring, factory, probe)
    return result is not None and np.shape(result[0]) == probe.output
