import io
import json
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conformance.candidates.loading.paths import load as load_implementation
from conformance.generation.programs import Programs
from conformance.numerics.comparison import compare
from conformance.numerics.tolerance import Expected
from conformance.oracles.making import recorded_trials
from conformance.oracles.oracle import OracleError
from conformance.oracles.recording import RecordedOracle, Recording
from conformance.records.json import to_data
from conformance.records.trial import ZeroGrad
from conformance.sessions.in_process import InProcessSession
from conformance.spec.bound_case import BoundCase, bind
from conformance.spec.catalogue import find_spec, load, recording_path, spec_files, specs_folder

RECORDED = [path for path in spec_files() if load(path).kind != "scheduler"]
each_spec = pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)


# --- the recordings that are shipped --------------------------------------------------------------


@pytest.fixture(scope="module")
def torch_session():
    pytest.importorskip("torch")
    return InProcessSession(load_implementation("torch"))


@each_spec
def test_a_shipped_recording_holds_what_this_torch_gives(path, torch_session):
    oracle = RecordedOracle()
    for bound, trial in recorded_trials(load(path)):
        observation = torch_session.run(trial)
        assert observation.trouble is None
        recorded = oracle.expect(bound, trial).steps
        for step, record in zip(recorded, observation.steps, strict=True):
            got = dict(record.tensors())
            assert list(step) == list(got)
            for name, expected in step.items():
                allowed = expected.allowed("float64")
                assert compare(name, got[name], expected.value, allowed) is None, trial.key


@each_spec
def test_a_shipped_recording_holds_the_trials_of_its_spec_and_no_others(path):
    spec = load(path)
    recording = Recording.load(recording_path(spec))
    assert set(recording.expected) == {trial.key for _, trial in recorded_trials(spec)}


@each_spec
def test_a_shipped_recording_holds_the_inputs_that_would_be_drawn_today(path):
    spec = load(path)
    stored = Recording.load_given(recording_path(spec))
    drawn = {trial.key: trial for _, trial in recorded_trials(spec)}
    assert stored.keys() == drawn.keys()
    for key, trial in drawn.items():
        assert to_data(stored[key]) == to_data(trial)


@each_spec
def test_a_shipped_recording_was_made_with_this_torch(path):
    torch = pytest.importorskip("torch")
    recording = Recording.load(recording_path(load(path)))
    assert recording.torch_version == torch.__version__.partition("+")[0]


@each_spec
def test_a_shipped_recording_has_a_bound_for_every_value(path):
    recording = Recording.load(recording_path(load(path)))
    for steps in recording.expected.values():
        for expected in (e for step in steps for e in step.values()):
            assert expected.bound.shape == expected.value.shape
            assert np.isfinite(expected.bound).all()
            assert (expected.bound >= 0).all()


@each_spec
def test_a_shipped_recording_needs_no_pickle(path):
    with np.load(recording_path(load(path)), allow_pickle=False) as data:
        dtypes = {name: data[name].dtype for name in data.files}
    texts = {"index": np.uint8, "given": np.uint8}
    assert dtypes == {"numbers": np.float64, "bounds": np.float32, **texts}


def test_what_an_oracle_judges_is_recorded_and_nothing_else():
    shipped = set((specs_folder() / "recorded").iterdir())
    assert shipped == {recording_path(load(path)) for path in RECORDED}


def test_the_shipped_recordings_are_small():
    files = (specs_folder() / "recorded").iterdir()
    assert sum(file.stat().st_size for file in files) < 3_000_000


# --- recording and reading back -------------------------------------------------------------------


@pytest.fixture
def bound(tmp_path) -> BoundCase:
    """The default case of Linear, from a file of the user's own, without a recording."""
    path = tmp_path / "linear.toml"
    path.write_bytes((specs_folder() / "linear" / "linear.toml").read_bytes())
    spec = load(path)
    return bind(spec, spec.cases[0])


@pytest.fixture
def trial(bound):
    return Programs(bound, None).single()


@pytest.fixture
def file(bound) -> Path:
    return recording_path(bound.spec)


STEPS = (
    {"output": Expected(np.array([[0.1, -2.5]]), np.array([[1e-3, 7.7]]), float32_error=3e-8)},
    {
        "grad_input": Expected(np.array(3.0), np.array(0.0), exact=True),
        "grad_weight": Expected(np.empty((0, 3)), np.empty((0, 3))),
    },
)


def written(trial, file: Path) -> bytes:
    recording = Recording("2.0.1")
    recording.add(trial, STEPS)
    recording.save(file)
    return file.read_bytes()


def test_a_recorded_trial_is_known(bound, trial, file):
    written(trial, file)
    expectation = RecordedOracle().expect(bound, trial)
    assert expectation.oracle == "recorded torch 2.0.1"
    assert [list(step) for step in expectation.steps] == [["output"], ["grad_input", "grad_weight"]]


def test_a_recording_is_good_for_every_dtype(bound, trial, file):
    written(trial, file)
    assert RecordedOracle().expect(bound, replace(trial, dtype="float32")) is not None


def test_values_and_errors_survive(trial, file):
    written(trial, file)
    for before, after in zip(STEPS, Recording.load(file).expected[trial.key], strict=True):
        for name, expected in before.items():
            assert np.array_equal(after[name].value, expected.value)
            assert after[name].value.shape == expected.value.shape
            assert after[name].float32_error == expected.float32_error
            assert after[name].exact == expected.exact


def test_bounds_are_rounded_up_to_float32(trial, file):
    written(trial, file)
    before = STEPS[0]["output"].bound
    after = Recording.load(file).expected[trial.key][0]["output"].bound
    assert (before <= after).all()
    assert (after <= before * (1 + 3e-7)).all()


def test_the_bytes_of_a_file_depend_on_its_content_alone(trial, file):
    first = written(trial, file)
    assert written(trial, file) == first
    with zipfile.ZipFile(file) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


# --- what a recording does not know ---------------------------------------------------------------


def test_another_seed_is_not_known(bound, trial, file):
    written(trial, file)
    assert RecordedOracle().expect(bound, replace(trial, seed=1)) is None


def test_another_program_is_not_known(bound, trial, file):
    written(trial, file)
    assert RecordedOracle().expect(bound, replace(trial, key="default/twice")) is None


def test_nothing_is_known_without_a_file(bound, trial):
    assert RecordedOracle().expect(bound, trial) is None


def test_a_generated_case_is_not_known():
    spec = find_spec("Linear")
    bound = bind(spec, spec.cases[0].model_copy(update={"id": "generated"}))
    assert RecordedOracle().expect(bound, Programs(bound, None).single()) is None


STALE = (
    "the recording of Linear default/single was made with other inputs: "
    "the spec has changed since; run 'conformance record'"
)


def test_a_recording_made_with_other_values_is_stale(bound, trial, file):
    written(trial, file)
    with pytest.raises(OracleError) as caught:
        RecordedOracle().expect(bound, trial.with_arrays(lambda array: array + 1))
    assert str(caught.value) == STALE


def test_a_recording_made_with_other_tensors_is_stale(bound, trial, file):
    written(trial, file)
    with pytest.raises(OracleError) as caught:
        RecordedOracle().expect(bound, replace(trial, parameters={}))
    assert str(caught.value) == STALE


def test_a_recording_made_with_other_arguments_is_stale(bound, trial, file):
    written(trial, file)
    with pytest.raises(OracleError) as caught:
        RecordedOracle().expect(bound, replace(trial, config={**trial.config, "bias": False}))
    assert str(caught.value) == STALE


def test_a_recording_made_with_other_steps_is_stale(bound, trial, file):
    written(trial, file)
    with pytest.raises(OracleError) as caught:
        RecordedOracle().expect(bound, replace(trial, steps=(*trial.steps, ZeroGrad())))
    assert str(caught.value) == STALE


# --- files that are not recordings ----------------------------------------------------------------


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def with_index(index: object) -> bytes:
    empty = np.empty(0)
    return npz(numbers=empty, bounds=empty, index=np.frombuffer(json.dumps(index).encode(), "u1"))


def complaint(file: Path, content: bytes) -> str:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    try:
        Recording.load(file)
    except OracleError as error:
        return str(error)
    except Exception as error:  # let go of it here, and of the file that it may keep open
        other = repr(error)
    else:
        other = "nothing"
    pytest.fail(f"{other} was raised")


TENSOR = {"name": "output", "shape": [3], "float32_error": 0.0, "exact": True}
INDEX = {"format": 2, "torch": "2", "fingerprints": {}}
CUT_SHORT = INDEX | {"trials": {"a": [[TENSOR]]}}


@pytest.mark.parametrize(
    "content",
    [
        b"hello",
        npz(other=np.zeros(3)),
        with_index({}),
        with_index(INDEX),
        npz(numbers=np.array([{}], dtype=object), bounds=np.empty(0), index=np.empty(0)),
    ],
    ids=["text", "foreign arrays", "no format", "no trials", "pickled objects"],
)
def test_a_file_that_is_no_recording_is_named(file, content):
    assert complaint(file, content).startswith("Linear.npz is not a usable recording: ")


def test_a_recording_of_another_format_says_so(file):
    assert complaint(file, with_index(INDEX | {"format": 1})) == (
        "Linear.npz is not a usable recording: its format is 1, not 2; "
        "run 'conformance record' to make it anew"
    )


def test_a_recording_that_is_cut_short_says_so(file):
    assert complaint(file, with_index(CUT_SHORT)) == (
        "Linear.npz is not a usable recording: it is cut short"
    )


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_named(trial, file, share):
    content = written(trial, file)
    message = complaint(file, content[: int(share * len(content))])
    assert message.startswith("Linear.npz is not a usable recording: ")


def test_no_damaged_byte_changes_what_is_read(trial, file):
    content = written(trial, file)
    good = Recording.load(file)
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1
        file.write_bytes(damaged)
        with suppress(OracleError):
            recording = Recording.load(file)  # a date or an attribute in the archive has no effect
            assert recording.fingerprints == good.fingerprints
            assert str(recording.expected) == str(good.expected)


def test_a_file_that_cannot_be_written_leaves_the_old_one(trial, file, monkeypatch):
    content = written(trial, file)

    def full(unfinished, **arrays):
        unfinished.write(b"PK")
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space left"):
        written(trial, file)
    assert file.read_bytes() == content
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    "index",
    [
        [],
        3,
        INDEX | {"trials": []},
        INDEX | {"trials": {"a": [TENSOR]}},
        INDEX | {"trials": {"a": [[TENSOR | {"shape": [-1]}]]}},
        INDEX | {"trials": {"a": [[TENSOR | {"float32_error": "large"}]]}},
    ],
)
def test_an_index_of_another_shape_is_named(file, index):
    message = complaint(file, with_index(index))
    assert message.startswith("Linear.npz is not a usable recording: ")


def test_a_single_array_is_no_recording(file):
    array = io.BytesIO()
    np.save(array, np.zeros(3))
    message = complaint(file, array.getvalue())
    assert message.startswith("Linear.npz is not a usable recording: ")
