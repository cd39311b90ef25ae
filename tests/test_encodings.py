"""In a locale without UTF-8 nothing crashes, files are UTF-8, and verdicts are the same."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import conformance

C = {
    "LC_ALL": "C",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONIOENCODING": "ascii",
}
LAYER = '''
class ReLU:
    """Schließt negative Werte aus."""

    def forward(self, x):
        print("größe → ∑")
        if x.ndim > 2:
            raise ValueError("größe → ∑ nicht erlaubt")
        return x * (x > 0)
'''
RULE = "-" * 40


def in_c(folder, *command):
    """What a command prints where only ASCII can be written, and its exit status."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, **C},
        capture_output=True,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ascii")
    (folder / "layer.py").write_text(LAYER, encoding="utf-8")
    return folder


def grade(folder, *options):
    return in_c(
        folder,
        *("pytest", "--impl=layer.py", "--conformance-layers=ReLU", "-p", "no:cacheprovider"),
        *("--conformance-profile=quick", "--conformance-oracle=recorded"),
        *("--conformance-report=report", *options),
    )


@pytest.fixture(scope="module")
def graded(folder):
    return grade(folder)


def test_a_run_is_told_in_lines_and_its_report_is_utf_8(folder, graded):
    said = graded.stdout.decode("ascii")
    assert graded.returncode == 1
    assert any(line.startswith(RULE) for line in said.splitlines()), "the table is not escaped"
    assert r"forward raised ValueError: gr\xf6\xdfe -> \u2211 nicht erlaubt" in said
    assert "INTERNALERROR" not in said + graded.stderr.decode("ascii")
    for file in (folder / "report").iterdir():
        assert file.read_bytes().decode("utf-8"), file
    assert "größe → ∑" in json.dumps(report(folder), ensure_ascii=False)


def report(folder):
    return json.loads((folder / "report" / "report.json").read_text(encoding="utf-8"))


def test_the_output_s_encoding_is_never_blamed_on_the_candidate(folder, graded):
    isolated = {v["id"]: v["status"] for v in report(folder)["verdicts"]}
    result = grade(folder, "--no-conformance-isolate", "-s")
    assert result.returncode == 1
    assert {v["id"]: v["status"] for v in report(folder)["verdicts"]} == isolated
    assert b"UnicodeEncodeError" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["list"], 0),
        (["show", "Conv2d"], 0),
        (["check", "größe.toml"], 1),
        (["check", "broken.toml"], 1),
        (["checks"], 0),
        (["schema", "spec"], 0),
        (["inspect", "layer.py"], 0),
        (["report", "report"], 0),
        (["report", "report", "--format", "html"], 0),
        (["diff", "report", "report"], 0),
        (["compare", "report", "report"], 0),
        (["selftest", "--layers", "ReLU"], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_commands_print_what_they_can(folder, graded, arguments, status):
    (folder / "broken.toml").write_text('größe = "→"\n', encoding="utf-8")
    result = in_c(folder, "conformance", *arguments)
    assert result.returncode == status, result.stderr
    assert b"Traceback" not in result.stderr
    assert result.stdout.strip()


TEXT = {"read_text", "write_text", "open"}


def test_every_text_file_is_read_and_written_as_utf_8():
    """No call leaves the encoding to the locale."""
    package = Path(conformance.__file__).parent
    calls = [
        (path.relative_to(package), call.lineno)
        for path in package.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and _leaves_the_encoding_open(call)
    ]
    assert calls == []


def _leaves_the_encoding_open(call):
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    words = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    binary = any(isinstance(word, str) and "b" in word for word in words[:2]) and name == "open"
    said = any(keyword.arg == "encoding" for keyword in call.keywords) or "utf-8" in words
    # What is not a method of a path: `os.open`, and the suite's own `files.write_text`.
    of = getattr(getattr(call.func, "value", None), "id", "")
    own = of in ("os", "files") or (name == "write_text" and isinstance(call.func, ast.Name))
    return name in TEXT and not (binary or said or own)
