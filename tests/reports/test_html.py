"""The page: complete in itself, safe whatever it tells of, usable without seeing it, bounded."""

import itertools
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import numpy as np
import pytest
from reports.handmade import RERUN, SCRIPT, failure, many, report, verdict

import conformance
from conformance.records.verdict import SEVERITIES, Diagnosis, Values
from conformance.reports.folder import write_folder
from conformance.reports.html_report import IN_FULL, PICTURED, TEXT, render_html
from conformance.reports.scoreboard import scoreboard, scoreboard_html
from conformance.reports.views import case_label

VOID = {"meta", "input", "link", "br", "img", "hr", "use", "path", "rect", "circle"}
HOSTILE = [
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    '" onmouseover="alert(1)',
    "{{ 7 * 7 }}{% include 'x' %}",
    "--><svg onload=alert(1)>",
]


class Page(HTMLParser):
    """The elements of a page with their attributes and text, as a browser's parser sees them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[list] = []
        self.texts: list[tuple[str, str]] = []  # of each element: its name, its text
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append([tag, ""])

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        for element in self.open:
            element[1] += data

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        assert self.open[-1][0] == tag, f"</{tag}> closes <{self.open[-1][0]}>"
        self.texts.append(tuple(self.open.pop()))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]


@pytest.fixture(scope="module")
def graded():
    """A layer that is wrong below 0.1, graded."""

    class ReLU:
        def forward(self, x):
            self.mask = x >= 0.1
            return np.where(self.mask, x, 0.0)

        def backward(self, grad):
            return grad * self.mask

    return conformance.grade(
        {"ReLU": ReLU}, layers=["ReLU"], oracle="recorded", profile="quick", tier="core"
    )


@pytest.fixture(scope="module")
def pages(graded):
    board = scoreboard({"a": graded, "b": report(verdict())})
    return {"report": render_html(graded), "scoreboard": scoreboard_html(board)}


@pytest.fixture(params=["report", "scoreboard"])
def text(request, pages):
    return pages[request.param]


def test_a_page_loads_nothing(text):
    page = Page(text)
    assert not page.open
    for tag, attributes in page.elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "audio", "video"}
        assert not {"src", "srcset", "action", "style"} & attributes.keys(), (tag, attributes)
        assert (attributes.get("href") or "#").startswith("#"), attributes
        assert not [name for name in attributes if name.startswith("on")]
    [style] = page.text("style")
    assert "url(" not in style
    assert "@import" not in style
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(", page.text("script")[0])
    assert "http://" not in text
    assert "https://" not in text


def test_a_page_forbids_all_but_its_own_style_and_script(text):
    page = Page(text)
    [policy] = [
        meta["content"]
        for meta in page.all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    for tag in ("style", "script"):
        [content] = page.text(tag)
        digest = b64encode(sha256(content.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
    assert "unsafe" not in policy


def test_identifiers_are_given_once_and_every_link_leads_somewhere(text):
    page = Page(text)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {attributes["href"][1:] for _, attributes in page.elements if "href" in attributes}
    assert links <= set(ids)
    for _, attributes in page.elements:
        assert attributes.get("aria-labelledby", ids[0]) in ids


def test_headings_leave_out_no_level(text):
    levels = [int(tag[1]) for tag, _ in Page(text).elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_every_heading_of_a_table_says_what_it_heads(text):
    headings = Page(text).all("th")
    assert headings
    assert {heading.get("scope") for heading in headings} == {"row", "col"}


def test_the_language_and_the_viewport_are_said(text):
    page = Page(text)
    assert page.all("html") == [{"lang": "en"}]
    assert any(meta.get("name") == "viewport" for meta in page.all("meta"))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_text_of_others_stays_text(hostile):
    told = failure(
        hostile,
        layer=hostile,
        case=hostile,
        check=hostile,
        group=hostile,
        reason=hostile,
        bindings=hostile,
        oracle=hostile,
        script=hostile,
        printed=hostile,
        rerun=hostile,
        diagnoses=(Diagnosis(hostile, hostile, "misreading", True, hostile),),
    )
    skipped = verdict("skipped", layer=hostile, reason=hostile)
    bad = report(told, skipped, implementation=hostile, notes=(hostile,), oracle=hostile)
    plain = report(
        *(
            replace(
                v,
                **{
                    field: "plain"
                    for field in (
                        "layer",
                        "case",
                        "check",
                        "group",
                        "reason",
                        "bindings",
                        "oracle",
                        "script",
                        "printed",
                        "rerun",
                    )
                    if getattr(v, field) == hostile
                },
            )
            for v in bad.verdicts
        ),
        implementation="plain",
        notes=("plain",),
    )
    for render in (render_html, lambda r: scoreboard_html(scoreboard({hostile: r}))):
        found, usual = Page(render(bad)), Page(render(plain))
        assert {tag for tag, _ in found.elements} == {tag for tag, _ in usual.elements}
        assert len(found.all("script")) == len(found.all("style")) == 1
        assert found.text("script") == usual.text("script")
        assert found.text("style") == usual.text("style")
        assert not any(name.startswith("on") for _, a in found.elements for name in a)
        assert hostile in found.text("title")[0]
    assert hostile in Page(render_html(bad)).text("code")


def test_every_layer_has_a_cell_per_group():
    verdicts = [
        verdict(layer=layer, group=group, check=f"a_{group}")
        for layer in ("ReLU", "Tanh", "ELU")
        for group in ("shape", "forward", "gradients")
        if (layer, group) != ("ELU", "shape")
    ]
    table = re.search(r"<table>.*?</table>", render_html(report(*verdicts)), re.DOTALL)[0]
    head, *rows = re.findall(r"<tr.*?</tr>", table, re.DOTALL)
    headings = ["Layer", "Shapes", "Forward", "Gradients", "Score"]
    assert re.findall(r'<th scope="col">(.*?)</th>', head) == headings
    assert [row.count("<td") for row in rows] == [4, 4, 4]
    assert [row.count('class="cell passed"') for row in rows] == [3, 3, 2]
    assert all(row.count('<th scope="row">') == 1 for row in rows)


def test_a_cell_says_its_state_in_words():
    text = render_html(report(*many("failed", "passed", "passed", "blocked", "skipped")))
    assert '<span class="vh">1 failed, 1 blocked, 2 passed, 1 skipped</span>' in text
    assert '<span aria-hidden="true">2/4</span>' in text


def test_a_failure_is_told_with_all_that_helps():
    page = Page(render_html(report(failure(), verdict(case="large"))))
    [told] = [text for text in page.text("details") if "Run in" in text and "Looks like" in text][
        :1
    ]
    for words in (
        "Looks like leaks where it should not",
        "output[0, 1] = 2, but should be 3",
        RERUN,
        SCRIPT,
        "specs/relu.toml:7",
    ):
        assert words in told
    assert {RERUN, SCRIPT} <= set(page.text("code"))


def test_a_graded_layer_is_told_with_its_failures(graded, pages):
    assert not graded.ok
    page, failing = Page(pages["report"]), [v for v in graded.verdicts if v.status == "failed"]
    shown = [d for d in page.all("details") if "failure" in d["class"].split()]
    assert 0 < len(failing) == len(shown)
    for v in failing:
        assert any(f"{v.check} {case_label(v)}" in words for words in page.text("summary"))


def test_severities_can_be_chosen():
    told = [failure(case=severity, severity=severity) for severity in SEVERITIES]
    page = Page(render_html(report(*told)))
    assert set(SEVERITIES) <= set(page.text("option"))


def test_a_report_in_which_nothing_ran_says_so():
    text = render_html(report(verdict("skipped", reason="no class ReLU")))
    assert "Nothing could be run, so nothing is known." in text
    assert "no class ReLU" in text
    assert "No check was selected" in render_html(report())


def test_more_failures_of_one_check_than_anybody_reads_are_counted():
    page = Page(render_html(report(*many(*["failed"] * 40))))
    shown = [d for d in page.all("details") if "failure" in d["class"].split()]
    assert len(shown) == IN_FULL
    assert any("more of the same" in t and str(40 - IN_FULL) in t for t in page.text("li"))


def test_pictures_are_drawn_of_the_first_failures_only():
    values = Values((2, 2), (1.0, 2.0, 3.0, 4.0), (1.0, 2.0, 3.0, 9.0), (1e-9,) * 4)
    told = failure()
    told = replace(told, findings=(replace(told.findings[0], values=values),))
    alike = [replace(told, id=f"specs/relu.toml::forward[{n}]") for n in range(6)]
    assert render_html(report(*alike)).count('<figure class="heat">') == PICTURED


def test_long_texts_are_cut_and_half_a_script_is_never_shown():
    page = Page(render_html(report(failure(reason="r" * 50_000, printed="p" * 50_000))))
    told = max(page.text("details"), key=len)
    assert 3000 < told.count("r" * 100) * 100 <= TEXT + 240  # it begins in the summary, too
    assert 3000 < told.count("p" * 100) * 100 <= TEXT
    long = render_html(report(failure(script="s = 1\n" * 10_000)))
    assert "it is in report.json" in long
    assert "s = 1" not in long


def test_a_huge_report_makes_a_page_that_opens():
    """500 failures of 2,500 checks, each with a long print and a long script."""
    verdicts = [
        each
        for layer in range(25)
        for each in many(
            *["failed"] * 20,
            *["passed"] * 80,
            layer=f"Layer{layer}",
            printed="p" * 100_000,
            script="s" * 100_000,
        )
    ]
    assert len(render_html(report(*verdicts)).encode()) < 25 * IN_FULL * (TEXT + 6000)


def test_the_same_report_makes_the_same_files(graded, tmp_path):
    folders = [tmp_path / "new" / "a", tmp_path / "b"]
    for folder in folders:
        assert write_folder(graded, folder) == folder / "index.html"
    names = ["badge.json", "index.html", "report.json", "summary.md"]
    for folder in folders:
        assert sorted(path.name for path in folder.iterdir()) == names
    for name in names:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
