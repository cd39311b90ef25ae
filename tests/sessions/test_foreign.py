"""Exceptions, warnings and names that a candidate made up, in process and in one of its own."""

import io
import json
import os
import textwrap

import pytest

import conformance
from conformance.candidates.implementation import Implementation
from conformance.candidates.loading.paths import ImplementationError, load
from conformance.candidates.trouble import describe_exception
from conformance.generation.programs import Programs
from conformance.records.foreign import name_of, plain, text_of
from conformance.records.json import to_json
from conformance.records.text import summary_text
from conformance.reports.terminal import render
from conformance.sessions.in_process import InProcessSession
from conformance.sessions.isolated import IsolatedSession
from conformance.spec.bound_case import bind
from conformance.spec.catalogue import find_spec

HEAD = """
import warnings
import numpy as np
from reference_impls import numpy_reference

class Silent(Exception):
    def __str__(self):
        raise self

class Mute(Exception):
    def __repr__(self):
        raise RuntimeError("no")
    __str__ = __repr__

class Text(str):
    def __getitem__(self, key):
        raise self
    __len__ = __iter__ = __str__ = strip = splitlines = __getitem__

class Textual(Exception):
    def __str__(self):
        return Text("as \\x1b[31mtext")

class Odd(Exception):
    def __init__(self, a, b, *, c):
        self.a = a

class Liar(Exception):
    @property
    def __class__(self):
        raise self
    __traceback__ = __cause__ = __context__ = __dict__ = args = __class__

class Meta(type):
    @property
    def __name__(self):
        raise RuntimeError("no name")

class Nameless(Exception, metaclass=Meta):
    pass

class Base(BaseException):
    pass

class Deleted:
    def __del__(self):
        raise ValueError("too late")

class Hidden:
    def __getattr__(self, name):
        raise Base(name)
"""
RAISED = {
    "raise ValueError('\\ud800 lone')": "ValueError: \\ud800 lone",
    "raise Silent": "Silent: (its text raises Silent)",
    "raise Mute": "Mute: (its text raises RuntimeError)",
    "raise Textual": "Textual: as \\x1b[31mtext",
    "raise Odd(1, 2, c=3)": "Odd: (1, 2)",
    "raise Liar": "Liar",
    "raise Nameless('n')": "Nameless: n",
    "raise Base('b')": "Base: b",
    "raise GeneratorExit": "GeneratorExit",
    "raise SystemExit('bye')": "SystemExit: bye",
    "raise SystemExit(Silent())": "SystemExit: (its text raises Silent)",
    "raise BaseExceptionGroup('all', [Base(), ValueError()])": "all (2 sub-exceptions)",
    "raise ValueError('x' * 10**6)": f"ValueError: {'x' * 1000}… (1000000 characters)",
    "raise ValueError('\\x1b]0;title\\x07 \\u202egnp.exe')": (
        "ValueError: \\x1b]0;title\\x07 \\u202egnp.exe"
    ),
    "raise SyntaxError(Silent(), (Silent(), Silent(), 1, ''))": "SyntaxError: (its text raises",
    "Hidden().anything": "Base: anything",
}


def source(statement, layer="ReLU"):
    return (
        f"{HEAD}\nclass {layer}(numpy_reference.{layer}):\n"
        f"    def forward(self, x):\n        {statement}\n        return super().forward(x)\n"
    )


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def written(statement):
        (tmp_path / "lab.py").write_text(source(statement), encoding="utf-8")
        return "lab.py"

    return written


def single(name):
    bound = bind(find_spec(name), find_spec(name).cases[0])
    return Programs(bound, bound.modes()[0]).single()


@pytest.mark.parametrize("statement", RAISED)
def test_an_exception_in_process(write, statement):
    observed = InProcessSession(load(write(statement))).run(single("ReLU"))
    assert observed.trouble.kind == "raised"
    assert RAISED[statement] in observed.trouble.message
    assert len(observed.trouble.message) < 1100
    to_json(observed).encode()  # no surrogates


@pytest.mark.skipif(os.name != "posix", reason="isolation needs POSIX")
@pytest.mark.parametrize("statement", list(RAISED)[:3] + list(RAISED)[5:8])
def test_an_exception_in_a_process_of_its_own(write, statement):
    session = IsolatedSession(write(statement))
    try:
        observed = session.run(single("ReLU"))
    finally:
        session.close()
    assert observed.trouble.kind == "raised"
    assert RAISED[statement] in observed.trouble.message


def test_a_whole_report_of_such_texts_is_printed_and_written(write):
    report = conformance.grade(
        write("raise ValueError('\\ud800\\x1b[31m\\u202e' * 10**5)"), ["ReLU"], isolate=False
    )
    assert report.summary.errored
    for text in (summary_text(report), render(report), to_json(report)):
        assert "\\ud800" in text.replace("\\\\", "\\")
        assert text.encode()
        assert "\x1b[31m" not in text
        assert "\u202e" not in text


def test_warnings_and_what_is_raised_where_nobody_can_catch_it(write):
    statement = "warnings.warn(RuntimeWarning('\\x1b[31m')); Deleted()"
    observed = InProcessSession(load(write(statement))).run(single("ReLU"))
    assert observed.trouble is None
    (said,) = observed.steps[0].warnings
    assert said.startswith("RuntimeWarning: \\x1b[31m (lab.py")


@pytest.mark.skipif(os.name != "posix", reason="isolation needs POSIX")
def test_what_it_prints_is_shown_without_escape_sequences(write):
    session = IsolatedSession(write("print('\\x1b[31mred\\x1b[0m')\n        raise ValueError"))
    try:
        assert session.run(single("ReLU")).printed == "\\x1b[31mred\\x1b[0m\n"
    finally:
        session.close()


def test_a_constructor_and_a_module_that_raise_what_is_no_exception(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab.py").write_text(f"{HEAD}\nraise Base('\\ud800')")
    with pytest.raises(ImplementationError, match=r"importing it failed: Base: \\ud800"):
        load("lab.py")
    text = """
        class ReLU(numpy_reference.ReLU):
            def __init__(self):
                raise Base('\\ud800')
    """
    (tmp_path / "lab.py").write_text(HEAD + textwrap.dedent(text))
    trouble = InProcessSession(load("lab.py")).run(single("ReLU")).trouble
    assert (trouble.stage, trouble.message) == ("build", r"Base: \ud800")


def test_a_class_name_with_escape_sequences():
    wrong = type("\x1b[31mReLU", (), {"forward": lambda self, x: None})
    trouble = InProcessSession(Implementation("x", {"ReLU": wrong})).run(single("ReLU")).trouble
    assert "\x1b" not in trouble.message


def test_names_and_texts_are_plain():
    assert plain("abc") == "abc"
    assert plain("a\tb\nc\x00\x7f\u2066") == "a\tb\nc\\x00\\x7f\\u2066"
    assert plain("x" * 20, 10) == "xxxxxxxxxx… (20 characters)"
    assert text_of(3) == "3"
    assert name_of(io.StringIO) == "StringIO"
    assert json.loads(json.dumps(plain("\ud800"))) == "\\ud800"
    assert describe_exception(ValueError("a\nb")) == ("ValueError: a", None)
