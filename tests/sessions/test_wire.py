"""Records across the pipe, and what is not one."""

import json

import numpy as np
import pytest

from conformance.records.observation import Observation, StepRecord, Trouble
from conformance.records.trial import Backward, Forward, Trial
from conformance.sessions import wire
from conformance.sessions.wire import NONCE, Incoming, WireError, pack

NONCE_HERE = bytes(range(NONCE))
PREFIX = NONCE + 3 * 8


def unpack(frame, kind, number=1, chunk=1 << 20):
    incoming = Incoming(NONCE_HERE, number)
    while wanted := incoming.wanted:
        size = min(wanted, chunk)
        assert frame, "more is wanted than was sent"
        incoming.feed(frame[:size])
        frame = frame[size:]
    assert frame == b""
    return incoming.record(kind)


def frame_of(header, body=b""):
    text = json.dumps(header).encode()
    return wire._PREFIX.pack(NONCE_HERE, 1, len(text), len(body)) + text + body


ARRAYS = {
    "float64": np.array([[0.1, -0.0], [np.nan, np.inf]]),
    "float32": np.arange(3, dtype=np.float32),
    "strided": np.arange(12.0).reshape(3, 4).T[::2],
    "empty": np.zeros((0, 3)),
    "scalar": np.array(2.5),
    "labels": np.array([2, 0, -1]),
    "mask": np.array([True, False]),
    "complex": np.array([1 + 2j]),
    "big-endian": np.arange(3, dtype=">f8"),
}


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_an_observation_arrives_bit_by_bit(chunk):
    sent = Observation(
        initial=ARRAYS,
        steps=(StepRecord(outputs=ARRAYS, mutated=("input",), absent={"bias": "None"}),),
        trouble=Trouble("raised", "backward", "ValueError: ü", "lab.py:3 in backward"),
        printed="hello",
    )
    got = unpack(pack(sent, NONCE_HERE, 1), Observation, chunk=chunk)
    assert (got.trouble, got.printed) == (sent.trouble, sent.printed)
    assert got.steps[0].mutated == ("input",)
    for table in (got.initial, got.steps[0].outputs):
        assert list(table) == list(ARRAYS)
        for name, array in ARRAYS.items():
            assert table[name].shape == array.shape
            assert table[name].dtype == array.dtype.newbyteorder("<")
            assert table[name].tobytes() == array.astype(array.dtype.newbyteorder("<")).tobytes()
            assert table[name].flags.writeable
            assert table[name].base is None


def test_a_trial_arrives_with_its_configuration():
    config = {"p": 0.5, "n": 3, "bias": True, "size": (2, 3), "mode": "same", "none": None}
    config |= {"weight": np.arange(3.0), "limit": float("inf"), "padding": (0.5, float("nan"))}
    sent = Trial(
        layer="Linear",
        kind="layer",
        key="default/single",
        config=config,
        parameters={"weight": np.ones((2, 3))},
        buffers={},
        inputs=("input",),
        outputs=("output",),
        differentiable=("input",),
        modes=("train",),
        steps=(Forward({"input": np.ones(3)}), Backward(np.ones(2))),
    )
    got = unpack(pack(sent, NONCE_HERE, 1), Trial)
    assert {name: type(value) for name, value in got.config.items()} == {
        name: type(value) for name, value in config.items()
    }
    assert got.config["weight"].tolist() == [0, 1, 2]
    assert repr({**got.config, "weight": 0}) == repr({**config, "weight": 0})
    assert [type(step) for step in got.steps] == [Forward, Backward]


def test_what_is_not_an_array_of_numbers_is_not_sent():
    observation = Observation(initial={"weight": np.array([None, "x"])})
    with pytest.raises(WireError, match="an array of dtype object"):
        pack(observation, NONCE_HERE, 1)


def test_more_than_the_cap_is_not_sent(monkeypatch):
    monkeypatch.setattr(wire, "MAX_BODY", 1 << 20)
    huge = np.broadcast_to(np.zeros(1), (1 << 20,))
    with pytest.raises(WireError, match="8 MiB of arrays, which is more than 1"):
        pack(Observation(initial={"weight": huge}), NONCE_HERE, 1)


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"hello, world",
        NONCE_HERE[:-1] + b"!",
        wire._PREFIX.pack(NONCE_HERE, 2, 10, 0),  # another number
        wire._PREFIX.pack(NONCE_HERE, 1, 1 << 62, 0),  # an absurd header
        wire._PREFIX.pack(NONCE_HERE, 1, 10, 1 << 62),  # an absurd body
    ],
)
def test_garbage_is_noticed_before_more_is_read(data):
    with pytest.raises(WireError, match="not"):
        Incoming(NONCE_HERE, 1).feed(data)


F8, RECORD = ["<f8", [2]], {"initial": {"weight": {"array": 0}}}


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ({"arrays": []}, b""),
        ([], b""),
        ({"arrays": [F8], "record": RECORD}, b"8 bytes."),  # too short
        ({"arrays": [F8], "record": RECORD}, 24 * b"x"),  # too long
        ({"arrays": [["|O", [2]]], "record": RECORD}, 16 * b"x"),  # pointers
        ({"arrays": [["<f8", [-2]]], "record": RECORD}, 16 * b"x"),
        ({"arrays": [["<f8", [2.0]]], "record": RECORD}, 16 * b"x"),
        ({"arrays": [["<f8", [1 << 40, 1 << 40]]], "record": RECORD}, 16 * b"x"),
        ({"arrays": [["f8,O", [1]]], "record": RECORD}, 16 * b"x"),
        ({"arrays": [], "record": RECORD}, b""),  # an array that is not there
        ({"arrays": [F8], "record": {"initial": {"w": {"array": True}}}}, 16 * b"x"),
        ({"arrays": [], "record": {"initial": {"w": {"data": "", "dtype": "<f8"}}}}, b""),
        ({"arrays": [], "record": {"steps": 3}}, b""),
        ({"arrays": [], "record": {"trouble": {"kind": "passed"}}}, b""),
        ({"arrays": [], "record": {"printed": 3}}, b""),
    ],
)
def test_a_frame_that_is_no_observation_is_an_error(header, body):
    with pytest.raises(WireError, match="not a Observation"):
        unpack(frame_of(header, body), Observation)


def test_a_right_frame_made_by_hand_is_read():
    got = unpack(frame_of({"arrays": [F8], "record": RECORD}, 16 * b"\0"), Observation)
    assert got.initial["weight"].tolist() == [0, 0]
