"""Cases that a layer would pass which does no work are found."""

import pytest

from conformance.candidates.loading.paths import load
from conformance.oracles.oracle import OracleError
from conformance.oracles.session_oracle import SessionOracle
from conformance.selftest.lint import lint
from conformance.sessions.in_process import InProcessSession
from conformance.spec.catalogue import bundled_specs, find_spec
from conformance.spec.loading import parse_spec
from conformance.spec.problems import SpecError


@pytest.fixture(scope="module")
def reference():
    """Expected values for specs that no file holds."""
    return SessionOracle(InProcessSession(load("reference")), "reference", bundled_only=False)


def changed(layer, old, new=""):
    """The text of a bundled spec with one passage replaced."""
    text = find_spec(layer).file.read_text(encoding="utf-8")
    assert old in text
    return parse_spec(text.replace(old, new, 1), "changed.toml")


@pytest.mark.parametrize("name", [spec.name for spec in bundled_specs()])
def test_bundled_specs_are_clean(name):
    assert lint(find_spec(name)) == []


@pytest.mark.parametrize(
    ("layer", "case", "fake", "words"),
    [
        ("ReLU", "all-negative", "zeros", "zeros"),
        ("Softmax", "single-class", "constant", "the same number everywhere"),
        ("Flatten", "one-axis", "input", "the unchanged input"),
    ],
)
def test_a_case_that_proves_nothing_is_found(layer, case, fake, words, reference):
    spec = changed(layer, f'trivial = ["{fake}"]\n')
    line = spec.line("case", [entry.id for entry in spec.cases].index(case))
    assert lint(spec, reference) == [
        f"changed.toml:{line}: case {case}: a layer that returns {words} passes it: choose inputs "
        f'that tell it from a right one, or say trivial = ["{fake}"] and why in note'
    ]


def test_a_case_that_is_not_trivial_must_not_say_so(reference):
    spec = changed(
        "Tanh",
        'id = "default"\n',
        'id = "default"\ntrivial = ["zeros"]\nnote = "the layer does nothing"\n',
    )
    [message] = lint(spec, reference)
    assert message.endswith("case default: says trivial = 'zeros', but zeros would fail: remove it")


def test_a_zero_output_with_a_gradient_is_no_trivial_case(reference):
    """tanh(0) is 0, but its derivative there is 1: zeros fail, the unchanged input passes."""
    [message] = lint(changed("Tanh", 'trivial = ["input"]\n'), reference)
    assert "case zeros: a layer that returns the unchanged input" in message


def test_one_mode_that_tells_is_enough(reference):
    """In eval Dropout is the identity; in train, which is random, it is not."""
    assert lint(find_spec("Dropout"), reference) == []


def test_an_oracle_that_cannot_tell_is_reported():
    class Stale:
        def expect(self, bound, trial):
            raise OracleError("run 'conformance record'")

    messages = lint(find_spec("ReLU"), Stale())
    assert "case default: run 'conformance record'" in messages[0]


def test_a_trivial_case_needs_a_note():
    with pytest.raises(SpecError, match="a case that is trivial needs a note"):
        changed("ReLU", 'note = "the output is zero and so is the gradient"\n')
