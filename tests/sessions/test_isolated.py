"""What an implementation in a process of its own can do wrong, and what becomes of it."""

import os
import signal
import struct
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import conformance
from conformance.candidates.loading.paths import ImplementationError, load
from conformance.generation.programs import Programs
from conformance.records.trial import Vary
from conformance.sessions.in_process import InProcessSession
from conformance.sessions.isolated import IsolatedSession
from conformance.sessions.limits import Limits
from conformance.spec.bound_case import bind
from conformance.spec.catalogue import find_spec

pytestmark = pytest.mark.skipif(os.name != "posix", reason="isolation needs POSIX")

HEAD = """
import ctypes, os, signal, subprocess, sys, threading, time, warnings
import numpy as np
from reference_impls import numpy_reference
from reference_impls.numpy_reference import *
"""

BODY = """
class ReLU(numpy_reference.ReLU):
    def {call}:
        {statement}
        return super().{forward}
"""


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """Write lab.py; a session over it, with short limits."""
    monkeypatch.chdir(tmp_path)
    opened = []

    def open_(text, **limits):
        (tmp_path / "lab.py").write_text(HEAD + textwrap.dedent(text))
        session = IsolatedSession("lab.py", Limits(**{"timeout": 1, **limits}))
        opened.append(session)
        return session

    yield open_
    for session in opened:
        session.close()


def method(statement, call="forward(self, x)", layer="ReLU"):
    """A layer of the reference that does something first."""
    name, _, arguments = call.partition("(self")
    passed = arguments.strip(", )")
    return (
        f"class {layer}(numpy_reference.{layer}):\n"
        f"    def {call}:\n        {statement}\n"
        f"        return super().{name}({passed})\n"
    )


def trial(layer="ReLU"):
    """Forward and backward."""
    spec = find_spec(layer)
    bound = bind(spec, spec.cases[0])
    return Programs(bound, next(iter(bound.modes())), 0).single()


def assert_right(observation):
    assert observation.trouble is None
    assert observation.steps[-1].input_gradients


def assert_everything_else_runs(session, layer="ReLU"):
    assert_right(session.run(trial("Tanh")))
    assert session.run(trial(layer)).trouble is not None  # and it goes on as before


KILLED = "did not finish within 1 s and was killed"

# What is done in forward -> (kind, message, whether the line is known).
MISBEHAVIOUR = {
    "while True: pass": ("timeout", KILLED, True),
    "time.sleep(60)": ("timeout", KILLED, True),
    "sum(iter(int, 1))": ("timeout", KILLED, True),  # in C, without giving anybody a turn
    "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); time.sleep(60)": (
        "timeout",
        KILLED,
        False,
    ),
    "os._exit(0)": ("crashed", "ended the process with exit status 0", False),
    "os._exit(3)": ("crashed", "ended the process with exit status 3", False),
    "ctypes.string_at(0)": ("crashed", "died of a segmentation fault (signal 11)", True),
    "os.abort()": ("crashed", "died of signal 6 (Aborted)", True),
    "os.kill(os.getpid(), signal.SIGKILL)": (
        "crashed",
        "was killed (signal 9), perhaps because memory ran out",
        False,
    ),
    "sys.exit(0)": ("raised", "SystemExit: 0", True),
    "raise KeyboardInterrupt": ("raised", "KeyboardInterrupt", True),
    "raise GeneratorExit": ("raised", "GeneratorExit", True),
    "import pytest; pytest.skip('no')": ("raised", "Skipped: no", False),
    "input()": ("raised", "EOFError: EOF when reading a line", True),
    "breakpoint()": (
        "raised",
        "RuntimeError: breakpoint() needs a terminal: use --no-conformance-isolate",
        True,
    ),
    "os.closerange(0, 1000)": ("crashed", "closed the channel of this suite", False),
    "for fd in range(3, 300):\n            try: os.write(fd, b'garbage')\n"
    "            except OSError: pass": (
        "crashed",
        "wrote to the suite's pipe, or one of its child processes did",
        False,
    ),
}


@pytest.mark.parametrize("statement", MISBEHAVIOUR)
def test_misbehaviour_costs_one_check_and_says_what_happened(lab, statement):
    session = lab(method(statement))
    kind, message, line_known = MISBEHAVIOUR[statement]
    observation = session.run(trial())
    trouble = observation.trouble
    stage = "find" if "garbage" in statement else "forward"
    assert (trouble.kind, trouble.stage, trouble.message) == (kind, stage, message)
    if line_known:
        line = HEAD.count("\n") + 3
        assert trouble.where == f"lab.py:{line} in forward"
    assert observation.steps == ()
    assert_everything_else_runs(session)


def test_memory_is_limited(lab):
    session = lab(method("np.ones(1 << 28)"), memory=512, timeout=30)
    trouble = session.run(trial()).trouble
    assert trouble.kind == "raised"
    assert "MemoryError: Unable to allocate 2.00 GiB" in trouble.message
    assert_everything_else_runs(session)


def test_the_steps_before_a_crash_are_observed(lab):
    session = lab(method("ctypes.string_at(0)", "backward(self, dy)"))
    observation = session.run(trial())
    assert observation.trouble.stage == "backward"
    assert [list(step.outputs) for step in observation.steps] == [["output"]]


def test_a_constructor_that_hangs(lab):
    session = lab(method("time.sleep(60)", "__init__(self)"))
    trouble = session.run(trial()).trouble
    assert (trouble.kind, trouble.stage) == ("timeout", "build")
    assert_everything_else_runs(session)


def test_what_always_hangs_is_not_tried_for_ever(lab):
    session = lab(method("time.sleep(60)", "backward(self, dy)"))
    began = time.monotonic()
    troubles = [session.run(trial()).trouble for _ in range(40)]
    assert time.monotonic() - began < 30
    assert [t.message for t in troubles[:3]] == 3 * [KILLED]
    assert {t.message for t in troubles[3:]} == {f"was not tried again: 3 times it {KILLED}"}
    assert {(t.kind, t.stage, t.where) for t in troubles} == {
        ("timeout", "backward", f"lab.py:{HEAD.count(chr(10)) + 3} in backward")
    }
    last = session.run(trial())
    assert list(last.steps[0].outputs) == ["output"]  # forward is still observed
    assert_right(session.run(trial("Tanh")))


def test_each_call_has_the_whole_time(lab):
    session = lab(
        """
        class Tanh(numpy_reference.Tanh):
            def forward(self, x):
                time.sleep(0.8)
                return super().forward(x)

            def backward(self, dy):
                time.sleep(0.8)
                return super().backward(dy)
        """,
        timeout=1.5,
    )
    assert_right(session.run(trial("Tanh")))


def test_what_is_printed_is_shown_and_bounded(lab):
    session = lab(
        method("print('hi'); print('there', file=sys.stderr); os.system('echo shell')")
        + method("print('x' * 10**7)", layer="Tanh")
        + method("while True: print('for ever')", layer="Sigmoid")
    )
    assert session.run(trial()).printed.splitlines() == ["hi", "there", "shell"]
    assert session.run(trial("ELU")).printed == ""
    long = session.run(trial("Tanh")).printed
    assert long.startswith("xxx")
    assert long.endswith("… and 9998001 bytes more\n")
    endless = session.run(trial("Sigmoid"))
    assert endless.trouble.message == KILLED
    assert endless.printed.startswith("for ever\nfor ever\n")
    assert len(endless.printed) < 3000


@pytest.mark.parametrize(
    "statement",
    [
        "sys.stdout.close()",
        "sys.stdout = sys.stderr = None",
        "os.close(1); os.close(2)",
        "threading.Thread(target=time.sleep, args=(60,)).start()",
        "subprocess.Popen(['sleep', '60'])",
        "warnings.filterwarnings('error'); warnings.warn('x') if 0 else None",
        "np.random.seed(3)",
        "np.seterr(all='raise')",
        "sys.setrecursionlimit(5000)",
        "os.chdir('/')",
        "signal.signal(signal.SIGINT, signal.SIG_IGN)",
    ],
)
def test_what_can_be_put_right_is(lab, statement):
    session = lab(method(statement))
    before = session.run(trial("Softmax"))
    for _ in range(2):
        assert_right(session.run(trial()))
    after = session.run(trial("Softmax"))
    assert after.printed == ""
    assert after.steps[0].meddled == before.steps[0].meddled == ()
    assert after.steps[0].outputs["output"].tolist() == before.steps[0].outputs["output"].tolist()


def test_a_process_that_was_forked_says_nothing(lab):
    session = lab(method("os.fork()"))
    for _ in range(3):
        assert_right(session.run(trial()))


def test_what_it_left_running_ends_with_the_session(lab, tmp_path):
    session = lab(
        method(
            "open('pids', 'a').write(f\"{os.getpid()} {subprocess.Popen(['sleep', '60']).pid}\\n\")"
        )
    )
    assert_right(session.run(trial()))
    session.close()
    pids = [int(word) for word in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    deadline = time.monotonic() + 5
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, pids))


def alive(pid):
    """Whether a process runs; a zombie that nobody has waited for yet does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_ctrl_c_ends_the_worker(tmp_path):
    (tmp_path / "lab.py").write_text(
        HEAD + method("print(os.getpid(), flush=True); time.sleep(60)")
    )
    code = (
        "import os, signal, threading, time\n"
        # A shell that starts its jobs in the background lets them ignore the signal.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import conformance\n"
        "from conformance.sessions import process\n"
        "started, start = [], process.subprocess.Popen\n"
        "def popen(*a, **k):\n    started.append(start(*a, **k))\n    return started[-1]\n"
        "process.subprocess.Popen = popen\n"
        "def strike():\n"
        "    while not started:\n        time.sleep(0.1)\n"
        "    time.sleep(3)\n    os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=strike, daemon=True).start()\n"
        "try:\n    conformance.grade('lab.py', layers=['ReLU'], oracle='recorded', timeout=60)\n"
        "except KeyboardInterrupt:\n    print('interrupted', *(p.poll() for p in started))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
    )
    assert result.stdout == f"interrupted {-signal.SIGKILL}\n", result.stderr


# --- loading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time.sleep(60)", "it did not finish within 6 s and was killed (lab.py:6 in <module>)"),
        ("os._exit(0)", "it ended the process with exit status 0"),
        (
            "ctypes.string_at(0)",
            "it died of a segmentation fault (signal 11) (lab.py:6 in <module>)",
        ),
        ("sys.exit('bye')", "SystemExit: bye (lab.py:6 in <module>)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt (lab.py:6 in <module>)"),
        ("1/0", "ZeroDivisionError: division by zero (lab.py:6 in <module>)"),
    ],
)
def test_an_import_that_fails_is_one_message(lab, text, message):
    with pytest.raises(ImplementationError) as caught:
        lab(text, loading=6)
    assert str(caught.value) == f"--impl=lab.py: importing it failed: {message}"


def test_what_cannot_be_loaded_again_is_said_once_more_and_not_tried_again(lab, tmp_path):
    session = lab(method("os.remove('lab.py'); os._exit(0)"))
    assert session.run(trial()).trouble.message == "ended the process with exit status 0"
    for _ in range(2):
        assert session.run(trial("Tanh")).trouble.message == (
            "could not be loaded a second time: --impl=lab.py: there is no such file"
        )


# --- verdicts -------------------------------------------------------------------------------------


def test_verdicts_and_reports(lab, tmp_path):
    text = method("print('loud'); os._exit(0)", "backward(self, dy)") + method(
        "np.seterr(all='raise')", layer="Tanh"
    )
    (tmp_path / "lab.py").write_text(HEAD + text)
    layers = ["ReLU", "Tanh", "Sigmoid"]
    report = conformance.grade("lab.py", layers, profile="quick", oracle="recorded")
    by_status = {
        status: {(v.layer, v.check, v.reason) for v in report.verdicts if v.status == status}
        for status in ("errored", "failed")
    }
    reason = "backward ended the process with exit status 0"
    assert by_status["errored"] == {("ReLU", "backward", reason)}
    assert by_status["failed"] == {("Tanh", "purity", "")}
    [message] = {f.message for v in report.verdicts for f in v.findings}
    assert message == "forward changes how NumPy treats floating-point errors (np.seterr)"
    assert {v.printed for v in report.verdicts if v.status == "errored"} == {"loud\n"}
    assert all(v.status == "passed" for v in report.verdicts if v.layer == "Sigmoid")
    assert all(v.status == "passed" for v in report.verdicts if v.check == "forward")


def test_an_object_of_this_process_cannot_be_isolated():
    with pytest.raises(ImplementationError, match="give the name of a module or file instead"):
        conformance.grade({"ReLU": object}, ["ReLU"], isolate=True)


def test_the_reference_gets_the_same_verdicts_on_every_spec():
    reports = [
        conformance.grade(
            "reference", tier="strict", profile="quick", oracle="recorded", isolate=isolate
        )
        for isolate in (False, True)
    ]
    here, there = (
        [(v.id, v.status, v.findings, v.bindings, v.oracle) for v in report.verdicts]
        for report in reports
    )
    assert here == there
    assert len(here) > 5000


def test_wrong_layers_get_the_same_verdicts(tmp_path):
    file = tmp_path / "lab.py"
    file.write_text(
        "from conformance.misreadings import CATALOGUE\n"
        "for (layer, _), classes in reversed(CATALOGUE.items()):\n"
        "    globals()[layer] = classes.get(layer)\n"
    )
    layers = ["BatchNorm1d", "CrossEntropyLoss", "Dropout", "Linear", "MaxPool2d", "SGD", "StepLR"]
    here, there = (
        [
            (v.id, v.status, v.findings, v.reason, v.oracle, v.diagnoses)
            for v in conformance.grade(
                str(file),
                layers,
                tier="strict",
                profile="quick",
                oracle="recorded",
                isolate=isolate,
            ).verdicts
        ]
        for isolate in (False, True)
    )
    assert repr(here) == repr(there)
    assert {id.partition(":")[0] for id, status, *_ in here if status == "failed"} == {
        find_spec(layer).path for layer in layers
    }


def test_notes_dialects_and_conventions_are_told(lab, tmp_path):
    (tmp_path / "conformance.toml").write_text("[Linear]\nfloat64_only = true\n")
    session = lab("class Linear_(numpy_reference.Linear): pass\n")
    here = InProcessSession(load("lab.py"))
    for layer in ("Linear", "SGD"):
        for one in (session, here):
            one.run(trial("Linear"))
        assert session.dialect(layer) == here.dialect(layer)
    assert session.dialect("Linear")
    assert session.notes(["Linear", "SGD"]) == here.notes(["Linear", "SGD"])
    assert session.conventions() == here.conventions()
    assert [declared.id for declared in session.conventions()] == ["float64-only"]


def test_each_forward_of_a_step_has_the_time_of_a_call(lab):
    session = lab(method("time.sleep(0.4)"))
    spec = find_spec("ReLU")
    programs = Programs(bind(spec, spec.cases[0]), None)
    x = programs.inputs()["input"]
    trial = programs.trial("slow", Vary(programs.inputs(), "input", np.stack([x] * 4)))
    assert session.run(trial).trouble is None


def test_no_note_from_the_future_puts_off_the_end(lab):
    session = lab(method("time.sleep(0)"))
    worker = session._worker
    for when in (float("inf"), float("nan"), 1e300):
        os.pwrite(worker._trace.descriptor, struct.pack("<dII", when, 3, 0), 0)
        worker._asked = time.monotonic()
        assert worker._note() is None
