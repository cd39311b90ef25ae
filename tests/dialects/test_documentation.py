"""The examples of docs/dialects.md and docs/bindings.md are graded as they say."""

import re
from pathlib import Path

import pytest

import conformance
from conformance.candidates.detection.inspection import inspect_implementation, rows_as_binding
from conformance.candidates.loading.paths import load
from conformance.candidates.wiring.binding_file import BindingError, Target, parse_binding
from conformance.candidates.wiring.dialect_names import BUNDLED
from conformance.spec.catalogue import find_spec

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


@pytest.mark.parametrize("title", [t for t in EXAMPLES if t != "torch-module"])
def test_a_written_binding_says_the_dialect_and_grades_the_same(title, tmp_path, monkeypatch):
    code, graded = EXAMPLES[title]
    monkeypatch.chdir(tmp_path)
    Path("lab.py").write_text(code)
    lab = load("lab.py")
    rows = inspect_implementation(lab, [find_spec(name) for name in graded])
    text = rows_as_binding(lab, rows)
    said = parse_binding(text, "written.toml").targets
    for row in rows:
        if row.function:  # a name is all that leads to a function
            assert f"# {row.spec} is served by {row.target}, found by name." in text
        elif row.dialect in BUNDLED[1:]:
            assert said[row.spec].dialect == row.dialect
    Path("written.toml").write_text(text)
    options = {"profile": "quick", "oracle": "recorded", "layers": graded, "isolate": False}
    plain = conformance.grade("lab.py", tier="core", **options)
    bound = conformance.grade("lab.py", tier="core", binding="written.toml", **options)
    assert [v.status for v in bound.verdicts] == [v.status for v in plain.verdicts]


def test_every_dialect_that_a_binding_may_name_is_documented():
    text = (DOCS / "bindings.md").read_text(encoding="utf-8")
    assert [name for name in BUNDLED if f"`{name}`" not in text] == []


def test_a_dialect_that_is_none_is_one_message_with_a_suggestion():
    with pytest.raises(BindingError, match=r"no dialect 'torch8' \(did you mean torch7\?\)"):
        parse_binding('[Linear]\ndialect = "torch8"\n', "b.toml")
