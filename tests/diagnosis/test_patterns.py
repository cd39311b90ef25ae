"""Each pattern is recognised, in words that name it; noise is not."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from conformance.candidates.implementation import Implementation
from conformance.checks import Evidence, Memory
from conformance.diagnosis.failure import Failure
from conformance.diagnosis.patterns import DETECTORS, detect
from conformance.generation.drawing import draw
from conformance.generation.programs import Programs
from conformance.oracles.choice import Judge
from conformance.sessions.in_process import InProcessSession
from conformance.spec.bound_case import bind
from conformance.spec.catalogue import find_spec


def evidence_of(layer, case=0):
    spec = find_spec(layer)
    bound = bind(spec, spec.cases[case])
    return Evidence(
        bound=bound,
        mode=None,
        tensor="",
        dtype="float64",
        programs=Programs(bound, None),
        candidate=InProcessSession(Implementation("nothing", {})),
        oracle=Judge("reference", "nothing"),
        memory=Memory(),
    )


def failure(got, wanted, tensor="output", layer="Linear"):
    allowed = np.full(wanted.shape, 1e-14)
    return Failure(tensor, np.asarray(got, dtype=float), wanted, allowed, evidence_of(layer))


WANTED = draw("nonzero", (4, 3), "patterns")
CUBE = draw("nonzero", (3, 4, 4), "patterns/cube")
SAMPLES = draw("nonzero", (4, 5), "patterns/samples")
LINEAR = evidence_of("Linear").programs
ROWS = np.where(np.arange(4)[:, None] == 2, 0.0, WANTED)
HOLES = np.where(WANTED > 1, np.nan, WANTED)
INSIDE = np.pad(CUBE[:, 1:-1, 1:-1], [(0, 0), (1, 1), (1, 1)])
SQUARE = draw("nonzero", (3, 3), "patterns/square")
X = evidence_of("ReLU").programs.inputs()["input"]


@pytest.mark.parametrize(
    ("id", "got", "wanted", "words"),
    [
        ("not-finite", HOLES, WANTED, "NaN in 1 of 12 places"),
        ("zero", 0 * WANTED, WANTED, "zero everywhere"),
        ("float32-rounding", (WANTED / 3).astype("f4"), WANTED / 3, "precision of float32"),
        ("constant-factor", WANTED / 4, WANTED, "0.25 times what it should be: the factor is 1/N"),
        ("constant-factor", 4 * WANTED, WANTED, "4 times what it should be: the factor is N"),
        ("constant-factor", 2 * WANTED, WANTED, "2 times what it should be"),
        ("constant-factor", -WANTED, WANTED, "has the wrong sign"),
        ("another-tensor", LINEAR.parameters["weight"], SAMPLES[:3, :3] * 1, "weight itself"),
        ("another-tensor", LINEAR.cotangent, WANTED, "the gradient that backward was given"),
        ("transposed", SQUARE.T, SQUARE, "is transposed"),
        ("transposed", CUBE.transpose(0, 2, 1), CUBE, "axes in the order [0, 2, 1]"),
        ("flipped", CUBE[:, ::-1, ::-1], CUBE, "reversed along axes 1, 2"),
        ("zero-rows", ROWS, WANTED, "zero at index 2 of axis 0, and right elsewhere"),
        ("first-sample", np.repeat(SAMPLES[:1], 4, 0), SAMPLES, "repeats the result of the first"),
        ("border", INSIDE, CUBE, "at the border only: look at the padding"),
        ("factor-per-slice", WANTED * [[2], [3], [4], [5]], WANTED, "for each index of axis 0"),
        ("constant-offset", WANTED + 0.5, WANTED, "off by 0.5 everywhere"),
        ("shuffled", np.roll(WANTED, 5), WANTED, "right values in the wrong places"),
    ],
)
def test_a_pattern_is_recognised_and_named(id, got, wanted, words):
    if id == "another-tensor":
        wanted = draw("nonzero", got.shape, "patterns/another")
    found = detect(failure(got, wanted))
    assert found is not None
    assert (found.id, found.source) == (id, "pattern")
    assert words in found.explains


def test_a_branch_of_a_piecewise_function():
    wanted = np.where(X > 0, X, 0)
    found = detect(failure(np.where(X > 0, X, 0.1 * X + 0.3), wanted, layer="ReLU"))
    assert found is not None
    assert found.explains == "output is wrong only where the input is negative"


def test_first_sample_only():
    got = SAMPLES + np.arange(4)[:, None] * draw("nonzero", (4, 5), "patterns/noise")
    found = detect(failure(got, SAMPLES))
    assert found is not None
    assert found.explains == "output is right for the first sample only"


def test_every_detector_is_tested():
    marks = test_a_pattern_is_recognised_and_named.pytestmark
    tested = {row[0] for mark in marks for row in mark.args[1]}
    assert tested | {"sign-of-input"} == set(DETECTORS)


@pytest.mark.parametrize("number", range(50))
def test_noise_has_no_pattern(number):
    shape = [(4, 3), (7,), (2, 3, 5), (3, 3), (6, 2)][number % 5]
    got, wanted = (draw("nonzero", shape, f"noise/{number}/{which}") for which in (0, 1))
    assert detect(failure(got, wanted)) is None


def test_barely_outside_the_allowance_is_no_pattern():
    assert detect(failure(WANTED + 1e-13, WANTED)) is None


def test_a_single_wrong_number_is_no_pattern():
    assert detect(failure(np.array(0.7), np.array(0.3))) is None


def test_what_was_not_compared_does_not_count():
    wanted = np.where(np.arange(3) == 1, np.nan, WANTED)
    found = detect(failure(np.where(np.isnan(wanted), 7, 2 * WANTED), wanted))
    assert found is not None
    assert found.id == "constant-factor"


def test_every_detector_is_documented_in_its_order():
    text = (Path(__file__).parents[2] / "docs" / "diagnosis.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE) == list(DETECTORS)
