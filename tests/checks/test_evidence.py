"""Checks ask their evidence; evidence tells programs apart by what they do."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import conformance.checks
from conformance.candidates.implementation import Implementation
from conformance.checks.evidence import Evidence, Memory
from conformance.generation.programs import Programs
from conformance.records.trial import Forward, SetMode, Trial
from conformance.sessions.in_process import InProcessSession
from conformance.spec.bound_case import bound_case
from conformance.spec.catalogue import find_spec
from reference_impls import numpy_reference

CHECKS = Path(conformance.checks.__file__).parent


@pytest.fixture
def evidence():
    spec = find_spec("ReLU")
    bound = bound_case(spec, spec.cases[0].id)
    session = InProcessSession(Implementation("reference", numpy_reference))
    return Evidence(bound, None, "", "float64", Programs(bound, None), session, None, Memory())


def test_two_checks_that_use_one_word_for_different_programs_share_no_observation(evidence):
    x = np.ones_like(evidence.programs.inputs()["input"])
    one = evidence.programs.trial("scaled", Forward({"input": x}))
    other = evidence.programs.trial("scaled", Forward({"input": 2 * x}))
    assert one.key == other.key
    assert (evidence.step(one, 0).outputs["output"] == 1).all()
    assert (evidence.step(other, 0).outputs["output"] == 2).all()


def test_one_program_under_two_words_is_run_once(evidence):
    x = evidence.programs.inputs()["input"]
    one = evidence.observe(evidence.programs.trial("this", Forward({"input": x})))
    assert evidence.observe(evidence.programs.trial("that", Forward({"input": x.copy()}))) is one


@pytest.mark.parametrize(
    "change",
    [
        {"config": {"inplace": True}},
        {"config": {"inplace": 1}},
        {"parameters": {"weight": np.zeros(2)}},
        {"parameters": {"weight": np.zeros((2, 1))}},
        {"parameters": {"weight": np.zeros(2, np.float32)}},
        {"buffers": {"weight": np.zeros(2)}},
        {"steps": (SetMode("train"),)},
        {"steps": (SetMode("train"), SetMode("train"))},
        {"seed": 1},
        {"at_default": ("inplace",)},
    ],
)
def test_whatever_a_session_is_told_is_content(evidence, change):
    plain = evidence.programs.trial("plain")
    others = [plain, replace(plain, **change)]
    assert len({trial.content() for trial in others}) == 2


def test_what_a_trial_is_called_and_its_dtype_are_not_content(evidence):
    trial = evidence.programs.single()
    assert trial.content() == replace(trial, key="other", dtype="float32").content()
    assert isinstance(trial, Trial)


def test_no_check_touches_the_candidate():
    """`evidence.py` alone may run it."""
    for path in CHECKS.rglob("*.py"):
        names = {
            node.attr
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Attribute)
        }
        assert ("candidate" in names) == (path == CHECKS / "evidence.py"), path
