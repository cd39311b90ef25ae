"""What a report says of losses that take other targets, or too many of them."""

import conformance
from reference_impls import numpy_reference as reference


class IndicesOnly(reference.NLLLoss):
    def forward(self, input, target):
        if target.dtype.kind == "f":
            raise TypeError("class indices, please")
        return super().forward(input, target)


class OneHotMisread(reference.NLLLoss):
    def forward(self, input, target):
        if target.dtype.kind == "f":
            target = target.argmin(axis=1)
        return super().forward(input, target)


class Wraps(reference.NLLLoss):
    def forward(self, input, target):
        return super().forward(input, target % 4 if target.dtype.kind == "i" else target)


def of_one_hot_cases(loss):
    report = conformance.grade(
        {"NLLLoss": loss}, layers=["NLLLoss"], profile="quick", oracle="recorded"
    )
    return report, [v for v in report.verdicts if v.case.startswith("one-hot")]


def test_an_optional_case_that_is_refused_is_skipped_with_the_reason():
    report, verdicts = of_one_hot_cases(IndicesOnly)
    assert report.ok
    assert {v.status for v in verdicts} == {"skipped"}
    assert {v.reason.partition(" (")[0] for v in verdicts} == {
        "this case is optional, and forward refused it: TypeError: class indices, please"
    }


def test_an_optional_case_that_is_answered_wrongly_is_failed():
    report, verdicts = of_one_hot_cases(OneHotMisread)
    assert not report.ok
    assert "failed" in {v.status for v in verdicts}


def test_a_value_that_must_be_refused_is_named():
    report = conformance.grade(
        {"NLLLoss": Wraps}, layers=["NLLLoss"], tier="strict", profile="quick", oracle="recorded"
    )
    messages = [v.findings[0].message for v in report.verdicts if v.status == "failed"]
    assert messages == [
        "target = 4 must raise an error, but gave loss of shape ()",
        "target = -1 must raise an error, but gave loss of shape ()",
    ]
