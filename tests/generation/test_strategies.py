from pathlib import Path

import pytest
from hypothesis import given, settings

from conformance.generation.programs import Programs
from conformance.generation.strategies import bound_cases
from conformance.spec.bound_case import BoundCase, bounds
from conformance.spec.catalogue import load, spec_files
from conformance.spec.loading import parse_spec
from conformance.spec.model import Spec, VariadicDim

# Of what has a forward; optimizers and schedulers are run on problems of their own.
each_spec = pytest.mark.parametrize(
    "path", [path for path in spec_files() if load(path).inputs], ids=lambda path: path.stem
)


STATISTICS = """
[layer]
name = "Statistics"
family = "normalization"
summary = "Divides by the standard deviation."
equation = "y = x / std(x)"
source = "none"
[dims]
N = "1..3"
[require]
train = ["N > 1"]
[inputs]
input = "N"
[outputs]
output = "N"
[modes]
train = {}
eval = {}
[gradients]
wrt = ["input"]
[accuracy]
model = "composite"
[[case]]
id = "default"
"""


def drawn(spec: Spec, mode: str | None) -> list[BoundCase]:
    found = []

    @settings(max_examples=20, derandomize=True, database=None, deadline=None)
    @given(bound_cases(spec, mode))
    def collect(bound):
        found.append(bound)

    collect()
    return found


def generated(path: Path) -> list[tuple[str | None, BoundCase]]:
    """Generated cases of a spec file in each of its modes."""
    spec = load(path)
    return [(mode, bound) for mode in spec.mode_names() for bound in drawn(spec, mode)]


@each_spec
def test_a_generated_case_is_legal(path):
    for mode, bound in generated(path):
        assert bound.id == "generated"
        assert bound.violated(mode) == []


def test_what_one_mode_requires_another_need_not_meet():
    spec = parse_spec(STATISTICS, "statistics.toml")
    assert min(bound.dims["N"] for bound in drawn(spec, "train")) == 2
    assert min(bound.dims["N"] for bound in drawn(spec, "eval")) == 1


@each_spec
def test_a_generated_case_has_positive_sizes(path):
    for _, bound in generated(path):
        shapes = {**bound.inputs(), **bound.outputs(), **bound.parameters(), **bound.buffers()}
        assert all(size > 0 for shape in shapes.values() for size in shape), bound.describe()


@each_spec
def test_a_generated_case_stays_within_the_domains_of_its_spec(path):
    for _, bound in generated(path):
        for name, domain in bound.spec.dims.items():
            sizes = bound.dims[name.removeprefix("*")]
            if isinstance(domain, VariadicDim):
                low, high = bounds(domain.rank)
                assert low <= len(sizes) <= high
                domain = domain.size
            else:
                sizes = (sizes,)
            low, high = bounds(domain)
            assert all(low <= size <= high for size in sizes)


@each_spec
def test_a_generated_case_makes_a_trial(path):
    for mode, bound in generated(path):
        programs = Programs(bound, mode)
        forward = programs.single().steps[programs.start]
        assert {name: array.shape for name, array in forward.inputs.items()} == bound.inputs()


@each_spec
def test_generated_cases_vary_but_not_from_run_to_run(path):
    descriptions = [(mode, bound.describe()) for mode, bound in generated(path)]
    assert len(set(descriptions)) > 5
    assert descriptions == [(mode, bound.describe()) for mode, bound in generated(path)]
