"""The self-test notices survivors, false alarms, idle checks and stale tables."""

import json

import pytest
from typer.testing import CliRunner

from conformance.cli import app
from conformance.misreadings import CATALOGUE
from conformance.records.verdict import Verdict
from conformance.selftest.matrix import markdown
from conformance.selftest.measuring import Alarm, Kill, MeasuredMisreading, measure
from conformance.selftest.results import SelfTest
from conformance.spec.catalogue import find_spec
from reference_impls import numpy_reference as reference


def row(caught_by, **more):
    given = {
        "spec": "Linear",
        "id": "mean",
        "explains": "grad_weight is divided by the batch size",
        "where": "specs/linear/linear.toml:60",
        "intended": ("grad_weight", "fd_weight"),
        "caught_by": caught_by,
        "failures": 4,
        "named": 3,
    }
    return MeasuredMisreading(**(given | more))


def result(rows=(), kills=(), alarms=(), lint=(), idle=()):
    return SelfTest(tuple(rows), tuple(kills), tuple(alarms), tuple(lint), tuple(idle), ("naive",))


CAUGHT = row(("grad_weight", "fd_weight", "adjoint"))


def test_nothing_is_wrong_where_everything_is_caught():
    assert (
        list(
            result([CAUGHT], [Kill("Linear", "zeros", "trivial", "forward", "forward")]).problems()
        )
        == []
    )


def test_a_misreading_is_killed_by_all_checks_that_are_meant_to():
    assert CAUGHT.killed
    survivor = row(("grad_weight",))
    assert not survivor.killed
    assert list(result([survivor]).problems()) == [
        "Linear mean (specs/linear/linear.toml:60): fd_weight does not catch it; "
        "caught by grad_weight"
    ]


def test_everything_else_that_must_not_be_has_a_line():
    verdict = Verdict("id", "Linear", "default", "forward", "forward", "core", "failed")
    found = result(
        kills=[
            Kill("Linear", "zeros", "trivial", "", ""),
            Kill("ReLU", "clobbers", "generic", "", ""),
        ],
        alarms=[Alarm("naive", verdict)],
        lint=["specs/x.toml:3: a case proves nothing"],
        idle=["step_dtype"],
    )
    assert list(found.problems()) == [
        "Linear zeros (a candidate that does no work): nothing catches it",
        "ReLU clobbers (a mistake of any layer): nothing catches it",
        "specs/x.toml:3: a case proves nothing",
        "false alarm: naive: id failed",
        "the check step_dtype kills nothing: no misreading shows that it can fail",
    ]
    assert len(list(found.problems(gated=False))) == 4


def test_data_for_machines():
    data = result([CAUGHT], [Kill("Linear", "zeros", "trivial", "forward", "forward")]).as_data()
    assert data["misreadings"] == data["killed"] == 1
    assert data["false_alarms"] == 0
    assert data["diagnosed"] == 75.0
    assert data["trivial"] == {"planted": 1, "killed": 1}
    assert data["matrix"] == {"Linear": {"mean": ["grad_weight", "fd_weight", "adjoint"]}}
    json.dumps(data)


def test_the_matrix_marks_what_is_meant_and_what_catches_it_too():
    lines = markdown([CAUGHT, row(("shape",), id="other", convention=True, equivalent="at N = 1")])
    assert "| mean | ● | ● | ○ |   |" in lines
    assert "- **other** (a convention elsewhere): grad_weight is divided" in lines
    assert "  The same as the right one at N = 1." in lines


def test_a_class_that_is_right_survives(monkeypatch):
    linear = find_spec("Linear")
    entry = next(e for e in linear.misreadings if e.id == "weight-gradient-mean")
    monkeypatch.setitem(CATALOGUE, ("Linear", entry.id), {"Linear": reference.Linear})
    measured = measure(linear, entry)
    assert (measured.killed, measured.caught_by) == (False, ())


@pytest.fixture
def run():
    return lambda *words: CliRunner().invoke(app, ["selftest", "--layers=FixedLR", "-n1", *words])


def test_the_command_prints_what_catches_what(run):
    output = run().output
    assert "drifting" in output
    assert "false alarms on reference, naive" in output


def test_the_command_writes_the_table_and_notices_a_stale_one(run, tmp_path):
    table = tmp_path / "matrix.md"
    assert run(f"--write={table}").exit_code == 0
    assert run(f"--check={table}").exit_code == 0
    table.write_text(table.read_text() + "more")
    stale = run(f"--check={table}")
    assert stale.exit_code == 1
    assert "is stale: conformance selftest --write" in stale.output
