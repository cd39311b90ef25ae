"""conformance.grade and the report that it returns."""

import types

import numpy as np
import pytest

import conformance
from conformance.candidates.loading.paths import ImplementationError
from reference_impls import numpy_reference

QUICK = {"profile": "quick", "oracle": "recorded"}


class Doubled(numpy_reference.ReLU):
    """Returns twice what it should."""

    def forward(self, x):
        return 2 * super().forward(x)


def test_it_takes_a_name_a_module_a_class_or_a_dictionary():
    for implementation in (
        "reference",
        numpy_reference,
        numpy_reference.ReLU,
        {"ReLU": numpy_reference.ReLU},
        types.SimpleNamespace(ReLU=numpy_reference.ReLU),
    ):
        report = conformance.grade(implementation, layers=["ReLU"], **QUICK)
        assert report.ok
        assert [row.name for row in report.layers] == ["ReLU"]


def test_its_verdicts_are_those_of_pytest(pytester):
    pytester.runpytest_subprocess(
        "--impl=naive",
        "--conformance-layers=Softmax",
        "--conformance-oracle=recorded",
        "--conformance-report=out",
    )
    from conformance.reports.json_report import read_json

    by_pytest = read_json(pytester.path / "out" / "report.json")
    by_hand = conformance.grade("naive", layers=["Softmax"], oracle="recorded")
    assert by_hand.verdicts == by_pytest.verdicts
    assert by_hand.summary == by_pytest.summary


def test_a_report_prints_a_readable_summary():
    text = str(conformance.grade({"ReLU": Doubled}, layers=["ReLU"], **QUICK))
    lines = text.splitlines()
    assert lines[0].startswith("ReLU ")
    assert "ReLU :: forward [default, float64]" in text
    assert "  gradient of your own forward: inconsistent" not in lines[0]
    assert lines[-1].startswith("conformance: <dict> ")
    assert not conformance.grade({"ReLU": Doubled}, layers=["ReLU"], **QUICK).ok


def test_an_object_without_a_name_has_no_command_to_run_again():
    report = conformance.grade({"ReLU": Doubled}, layers=["ReLU"], **QUICK)
    assert {verdict.rerun for verdict in report.verdicts} == {""}
    assert "rerun" not in str(report)


def test_a_class_of_another_name_is_no_layer_of_ours():
    report = conformance.grade(Doubled, layers=["ReLU"], **QUICK)
    assert not report.ok
    assert report.summary.ran == 0
    assert str(report).splitlines()[0].endswith("skipped: not implemented")


def test_unknown_names_raise_with_a_suggestion():
    with pytest.raises(ImplementationError, match="did you mean reference"):
        conformance.grade("referense")
    with pytest.raises(KeyError, match="did you mean Conv2d"):
        conformance.grade("reference", layers=["Conv22d"])


def test_grading_leaves_the_global_random_state_alone():
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    conformance.grade("reference", layers=["Dropout"], **QUICK)
    assert (np.random.get_state()[1] == before).all()
