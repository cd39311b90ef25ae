"""conformance.grade and the report that it returns."""

import builtins
import inspect
import re
import types
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

import conformance
from conformance.candidates.loading.paths import ImplementationError
from conformance.spec.catalogue import find_spec
from reference_impls import numpy_reference

QUICK = {"profile": "quick", "oracle": "recorded"}


def is_exception(value):
    return isinstance(value, type) and issubclass(value, Exception)


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
    with pytest.raises(KeyError) as caught:
        conformance.grade("reference", layers=["Conv22d", "ReLU", "Linaer"])
    assert str(caught.value) == (
        "no spec for 'Conv22d' (did you mean Conv2d?), 'Linaer' (did you mean Linear?)"
    )


def test_an_unknown_layer_of_one_s_own_files_gets_a_suggestion_too():
    with pytest.raises(conformance.UnknownLayer) as caught:
        conformance.grade("reference", "RelUU", specs=[find_spec("ReLU").file])
    assert str(caught.value) == "no spec for 'RelUU' (did you mean ReLU?) in the files given"


def test_layers_may_be_one_string():
    assert [row.name for row in conformance.grade("reference", "ReLU", **QUICK).layers] == ["ReLU"]
    report = conformance.grade("reference", layers="ReLU, tanh", **QUICK)
    assert [row.name for row in report.layers] == ["ReLU", "Tanh"]


def test_the_repr_of_a_report_is_a_few_lines():
    good = conformance.grade("reference", "ReLU", **QUICK)
    assert repr(good).splitlines() == ["<Report: ok", f"  {str(good).splitlines()[-1]}>"]
    bad = conformance.grade({"ReLU": Doubled}, "ReLU", **QUICK)
    assert repr(bad).splitlines() == [
        "<Report: not ok",
        f"  {str(bad).splitlines()[-1]}",
        "  not passed: ReLU>",
    ]


def test_dir_shows_the_public_names_and_nothing_else():
    shown = [name for name in dir(conformance) if not name.startswith("__")]
    assert [*shown, "__version__"] == sorted(
        conformance.__all__, key=lambda name: (name.startswith("__"), name)
    )
    assert all(getattr(conformance, name) is not None for name in conformance.__all__)
    assert conformance.__version__ == version("layer-conformance")


def test_every_documented_exception_derives_from_one_base():
    public = [getattr(conformance, name) for name in conformance.__all__]
    errors = [value for value in public if is_exception(value)]
    assert {"ImplementationError", "SpecError", "GapsError"} < {e.__name__ for e in errors}
    assert [e for e in errors if not issubclass(e, conformance.ConformanceError)] == []
    # What docstrings and pages name is one of these, or Python's own.
    for function in (conformance.grade, conformance.check_gradients):
        section = re.search(r"\nRaises\n-+\n(.*?)\n\n", inspect.getdoc(function), re.DOTALL)[1]
        names = re.findall(r"^(\w+)$", section, re.MULTILINE)
        assert names
        assert [n for n in names if not hasattr(conformance, n) and not hasattr(builtins, n)] == []


def test_every_exception_that_a_page_names_can_be_imported_from_the_top():
    page = (Path(__file__).parent.parent / "docs" / "api.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+)` \|", page.partition("## Exceptions")[2], re.MULTILINE)
    errors = [n for n in conformance.__all__ if is_exception(getattr(conformance, n))]
    assert sorted(named) == sorted(errors)


def test_grading_leaves_the_global_random_state_alone():
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    conformance.grade("reference", layers=["Dropout"], **QUICK)
    assert (np.random.get_state()[1] == before).all()
