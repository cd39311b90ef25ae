"""Constructors that refuse an argument: every kind of subject is asked whether it runs at all."""

import pytest

import conformance
from reference_impls import numpy_reference


def refusing(name, *arguments):
    """The reference's class, which has not got round to some of its arguments."""

    def construct(self, *given, **keywords):
        if unlike := [n for n in arguments if n in keywords and keywords[n] != usual[n]]:
            raise NotImplementedError(f"{unlike[0]} comes later")
        base.__init__(self, *given, **keywords)

    base = getattr(numpy_reference, name)
    usual = {"momentum": 0, "gamma": 0.1, "reduction": "mean", "stride": 1, "end_factor": 1.0}
    signature = {"__init__": construct, "__module__": __name__}
    return type(name, (base,), signature)


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("SGD", "momentum"),
        ("StepLR", "gamma"),
        ("LinearLR", "end_factor"),
        ("MSELoss", "reduction"),
        ("Conv2d", "stride"),
    ],
)
def test_what_a_constructor_refuses_is_skipped(name, argument):
    report = conformance.grade({name: refusing(name, argument)}, [name], profile="quick")
    reasons = {v.reason for v in report.verdicts if v.status == "skipped"}
    refused = [reason for reason in reasons if f"NotImplementedError: {argument}" in reason]
    assert refused
    assert all(reason.startswith(f"{name}() cannot express ") for reason in refused)
    assert report.summary.passed


@pytest.mark.parametrize("name", ["SGD", "StepLR", "MSELoss", "Conv2d", "Sequential", "IrisMLP"])
def test_a_constructor_that_refuses_everything_is_an_error(name):
    def construct(self, *given, **keywords):
        raise NotImplementedError("later")

    given = "Sequential" if name == "IrisMLP" else name
    base = getattr(numpy_reference, given)
    wrong = type(given, (base,), {"__init__": construct})
    namespace = {n: getattr(numpy_reference, n) for n in numpy_reference.__all__} | {given: wrong}
    report = conformance.grade(namespace, [name], profile="quick")
    assert report.summary.errored
    assert not report.summary.passed
