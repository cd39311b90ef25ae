"""The pages on gaps files and notebooks say what is so."""

import re
from pathlib import Path

from conformance.candidates.wiring.binding_file import load_binding
from conformance.runner.gaps import KEYS, load_gaps

DOCS = Path(__file__).parent.parent / "docs"


def test_the_gaps_of_the_page_cover_checks(tmp_path):
    from conformance.runner.plan import plan
    from conformance.runner.settings import Settings
    from conformance.spec.catalogue import find_spec

    text = (DOCS / "gaps.md").read_text(encoding="utf-8")
    path = tmp_path / "gaps.toml"
    path.write_text(re.search(r"```toml\n(.*?)```", text, re.DOTALL)[1])
    gaps = load_gaps(path)
    settings = Settings("reference", tier="strict")
    ids = [p.id for name in ("Conv2d", "Linear") for p in plan(find_spec(name), settings)]
    assert len(gaps.entries) == 2
    assert list(gaps.stale(ids, ())) == []
    assert [key for key in KEYS if f"| `{key}` |" not in text] == []


def test_the_files_of_the_examples_can_be_used():
    folders = [path for path in (DOCS / "examples").iterdir() if path.is_dir()]
    assert len(folders) >= 3
    for folder in folders:
        assert load_binding(folder / "conformance.toml").targets
        if (folder / "gaps.toml").exists():
            assert load_gaps(folder / "gaps.toml").entries


def test_the_gaps_of_the_examples_cover_checks():
    from conformance.runner.plan import plan
    from conformance.runner.settings import Settings
    from conformance.spec.catalogue import bundled_specs

    settings = Settings("reference", tier="strict")
    ids = [p.id for spec in bundled_specs() for p in plan(spec, settings)]
    for path in (DOCS / "examples").glob("*/gaps.toml"):
        assert list(load_gaps(path).stale(ids, ())) == []


def test_every_ignored_kind_of_cell_is_on_the_page():
    from conformance.candidates.loading.notebook import _PYTHON_MAGICS

    text = (DOCS / "notebooks.md").read_text(encoding="utf-8")
    assert [magic for magic in _PYTHON_MAGICS if f"`{magic}`" not in text] == []


def test_the_examples_are_linked():
    text = (DOCS / "examples/README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([\w./-]+\.(?:toml|py|md))\)", text)
    assert links
    assert [link for link in links if not (DOCS / "examples" / link).exists()] == []


def test_the_files_to_read_for_one_verdict_are_ten_and_there():
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("## Read these to follow one verdict")[2].partition("\n## ")[0]
    named = re.findall(r"^\d+\. `([^`]+)`", section, re.MULTILINE)
    assert len(named) == 10
    assert [name for name in named if not (DOCS.parent / name).is_file()] == []


def test_the_files_to_read_for_one_verdict_take_part_in_it(monkeypatch):
    import sys

    from conformance import grade
    from conformance.runner.grader import Grader

    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("## Read these to follow one verdict")[2].partition("\n## ")[0]
    called = {Path(Grader.verdict.__code__.co_filename)}
    verdict = Grader.verdict

    def traced(grader, planned):
        # `forward` looks at the run that its prerequisite, `shape`, has made.
        if not planned.id.endswith(("::shape[default]", "::forward[default]")):
            return verdict(grader, planned)
        previous = sys.getprofile()
        sys.setprofile(lambda frame, *_: called.add(Path(frame.f_code.co_filename)))
        try:
            return verdict(grader, planned)
        finally:
            sys.setprofile(previous)

    monkeypatch.setattr(Grader, "verdict", traced)
    assert grade("reference", layers=["Linear"], profile="quick").ok
    named = re.findall(r"^\d+\. `([^`]+\.py)`", section, re.MULTILINE)
    assert [name for name in named if (DOCS.parent / name).resolve() not in called] == []
