"""The examples of docs/dialects.md and docs/bindings.md are graded as they say."""

import re
from pathlib import Path

import pytest

import conformance
from conformance.candidates.wiring.binding_file import Target, parse_binding

DOCS = Path(__file__).parent.parent.parent / "docs"
DIALECTS = (DOCS / "dialects.md").read_text(encoding="utf-8")
EXAMPLES = {
    title: (code, graded.replace("\n", " ").split(", "))
    for title, code, graded in re.findall(
        r"^## ([^\n]+)\n(?:(?!^## ).)*?```python\n(.*?)```\n\nGraded as ([\w, \n]+)\.",
        DIALECTS,
        re.DOTALL | re.MULTILINE,
    )
}


def test_every_dialect_has_an_example():
    sections = re.findall(r"^## (.*)$", DIALECTS, re.MULTILINE)
    without = {"What is found, and how", "native", "Partial implementations"}
    assert set(sections) - without == set(EXAMPLES)


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_is_graded_without_a_word_of_configuration(title, tmp_path, monkeypatch):
    if title == "torch-module":
        pytest.importorskip("torch")
    code, graded = EXAMPLES[title]
    monkeypatch.chdir(tmp_path)
    Path("lab.py").write_text(code)
    report = conformance.grade("lab.py", profile="quick", oracle="recorded", layers=graded)
    assert report.ok
    assert [row.name for row in report.layers if not row.summary.passed] == []
    assert sorted(row.name for row in report.layers) == sorted(graded)


def test_the_example_of_a_binding_is_one():
    text = (DOCS / "bindings.md").read_text(encoding="utf-8")
    example = re.search(r"```toml\n(.*?)```", text, re.DOTALL)[1]
    assert parse_binding(example, "example").get("BatchNorm1d").ranks == [2]


def test_every_key_of_a_binding_is_documented():
    text = (DOCS / "bindings.md").read_text(encoding="utf-8")
    assert [key for key in Target.model_fields if f"`{key}`" not in text] == []


def test_notes_and_conventions_come_back_from_workers(pytester):
    pytest.importorskip("xdist")
    code, _ = EXAMPLES["stored-input"]
    pytester.makepyfile(lab=code)
    pytester.path.joinpath("conformance.toml").write_text(
        '[Linear]\nconventions = ["gradients-overwritten"]\n'
    )
    options = ("--conformance-oracle=recorded", "--conformance-profile=quick", "-n2")
    result = pytester.runpytest_subprocess(
        "--impl=lab.py", "--conformance-layers=Linear", "--conformance-tier=core", *options
    )
    result.stdout.fnmatch_lines(
        [
            "Dense is graded as Linear",
            "declared for Linear: gradients-overwritten (conformance.toml:2): *",
            "conformance: lab.py 100.0 % *",
        ]
    )
