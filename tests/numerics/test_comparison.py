import numpy as np
import pytest

from conformance.numerics.comparison import compare
from conformance.records.verdict import Finding

NAN, INF = float("nan"), float("inf")


def difference(got, wanted, allowed=0.0) -> Finding | None:
    return compare("output", np.array(got), np.array(wanted), allowed)


def test_equal_arrays_give_no_finding():
    assert difference([1.0, -0.0], [1.0, 0.0]) is None


def test_an_error_as_large_as_allowed_gives_no_finding():
    assert difference([1.5], [1.0], allowed=0.5) is None


def test_an_error_above_what_is_allowed_gives_a_finding():
    finding = difference([1.5], [1.0], allowed=0.49)
    assert (finding.worst, finding.allowed) == (0.5, 0.49)


def test_the_first_place_that_differs_is_shown_with_both_values():
    finding = difference([[0.0, 0.0], [0.0, 3.0]], [[0.0, 0.0], [1.0, 9.0]])
    assert (finding.index, finding.got, finding.wanted) == ((1, 0), 0.0, 1.0)


def test_elements_that_differ_are_counted():
    finding = difference([[0.0, 0.0], [0.0, 3.0]], [[0.0, 0.0], [1.0, 9.0]])
    assert (finding.differing, finding.size) == (2, 4)


def test_the_worst_place_is_that_of_the_largest_error():
    finding = difference([0.0, 5.0, 1.0], [1.0, 1.0, 2.0])
    assert (finding.worst_index, finding.worst) == ((1,), 4.0)


def test_an_error_that_is_allowed_is_not_the_worst():
    allowed = np.array([10.0, 0.5])
    finding = compare("output", np.array([5.0, 1.0]), np.array([0.0, 0.0]), allowed)
    assert (finding.worst_index, finding.worst, finding.allowed) == ((1,), 1.0, 0.5)
    assert (finding.differing, finding.ratio) == (1, 2.0)


def test_the_ratio_is_the_largest_error_in_units_of_its_allowance():
    allowed = np.array([1.0, 0.01])
    finding = compare("output", np.array([5.0, 1.0]), np.array([0.0, 0.0]), allowed)
    assert (finding.worst_index, finding.ratio) == ((0,), 100.0)


@pytest.mark.parametrize(
    ("error", "severity"), [(2.0, "inaccurate"), (1000.0, "inaccurate"), (1001.0, "wrong")]
)
def test_a_thousand_allowances_tell_rounding_from_another_formula(error, severity):
    assert difference([error], [0.0], allowed=1.0).severity == severity


def test_any_error_is_wrong_where_none_is_allowed():
    finding = difference([1.0 + 2**-52], [1.0])
    assert (finding.severity, finding.ratio) == ("wrong", INF)


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_value_that_is_not_finite_equals_itself(value):
    assert difference([value, 1.0], [value, 1.0]) is None


@pytest.mark.parametrize(
    ("got", "wanted"),
    [(NAN, 0.0), (0.0, NAN), (INF, 0.0), (0.0, INF), (INF, -INF), (NAN, INF), (INF, NAN)],
)
def test_any_other_mixture_is_infinitely_far_off(got, wanted):
    finding = difference([0.0, got], [0.0, wanted], allowed=1e300)
    assert (finding.index, finding.worst, finding.ratio, finding.severity) == (
        (1,),
        INF,
        INF,
        "wrong",
    )


def test_among_infinite_errors_the_first_is_the_worst():
    assert difference([3.0, NAN, INF], [0.0, 0.0, 0.0]).worst_index == (1,)


def test_an_allowance_of_nan_allows_nothing():
    assert difference([1.0], [2.0], allowed=NAN) is not None


def test_arrays_without_axes_are_compared():
    assert difference(1.0, 1.0) is None
    finding = difference(1.0, 2.0)
    assert (finding.index, finding.worst_index, finding.size) == ((), (), 1)


def test_empty_arrays_of_the_same_shape_agree():
    assert compare("output", np.empty((0, 3)), np.empty((0, 3)), np.empty((0, 3))) is None


@pytest.mark.parametrize(
    ("got", "wanted"), [((2, 3), (3, 2)), ((3,), (1, 3)), ((), (1,)), ((0, 3), (0, 2))]
)
def test_other_shapes_are_told_in_words(got, wanted):
    finding = compare("output", np.zeros(got), np.zeros(wanted), 1.0)
    assert finding == Finding(
        "output", "wrong", f"output has shape {got}, but should have {wanted}"
    )


def test_float32_values_are_compared_exactly():
    finding = compare("output", np.array([0.1], np.float32), np.array([0.1]), 1e-9)
    assert finding.worst == float(np.float32(0.1)) - 0.1


def test_notes_are_passed_on():
    assert compare("loss", np.array(1.0), np.array(2.0), 0.0, ("a note",)).notes == ("a note",)
