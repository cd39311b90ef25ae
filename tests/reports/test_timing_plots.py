"""Pictures of timings: well-formed, labelled, escaped, and to scale."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from conformance.records.benchmark import Timing
from conformance.reports.timing_plots import bars, pictures, ratios, scaling

SVG = "{http://www.w3.org/2000/svg}"


def timing(implementation="candidate", fastest=2e-3, layer="ReLU", **more):
    return Timing(layer, "forward", implementation, "N=4", fastest, fastest, 0.0, 5, **more)


TIMINGS = [timing(), timing("reference", 1e-3), timing("torch", 4e-3)]


def widths(svg):
    return [float(r.get("width")) for r in ElementTree.fromstring(svg).iter(f"{SVG}rect")]


def texts(svg):
    return [t.text for t in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_bars_are_as_long_as_the_times():
    candidate, reference, torch = widths(bars(TIMINGS, "ReLU", "forward"))
    assert (reference / candidate, torch / candidate) == pytest.approx((0.5, 2), rel=1e-2)
    assert "2 ms" in texts(bars(TIMINGS, "ReLU", "forward"))


def test_what_was_not_timed_is_not_drawn():
    assert bars(TIMINGS, "ReLU", "backward") == ""
    assert ratios([timing()], "torch") == ""
    assert scaling(timing()) == ""
    assert pictures([]) == []


def test_ratios_say_how_many_times_as_long():
    assert texts(ratios(TIMINGS, "torch")) == ["ReLU forward", "0.50×"]
    assert texts(ratios(TIMINGS, "reference")) == ["ReLU forward", "2.00×"]


def test_growth_that_the_spec_does_not_allow_is_said_in_words():
    found = scaling(timing(growth={"N": 2.02, "C": 1.0}, superlinear=("N",)))
    assert texts(found)[-2:] == ["N: power 2.02: more than the spec says", "C: power 1"]


def test_names_cannot_break_out():
    assert "<script>" not in bars([timing("<script>", layer="<b>")], "<b>", "forward")


def test_every_picture_is_labelled_and_well_formed():
    found = pictures([*TIMINGS, timing(layer="Linear", growth={"N": 1.0})])
    assert [heading for heading, _ in found] == [
        "Time against torch",
        "Time against reference",
        "ReLU forward",
        "Linear forward",
        "Linear forward: growth",
    ]
    for _, svg in found:
        root = ElementTree.fromstring(svg)
        assert root.get("role") == "img"
        assert root.get("aria-label")


def test_the_page_shows_them():
    from conformance.records.benchmark import Untimed
    from conformance.reports.html_report import render_html
    from conformance.runner.accounts import make_report
    from conformance.runner.settings import Settings

    report = replace(
        make_report(Settings("lab.py"), [], []),
        timings=(*TIMINGS, timing(layer="Linear", growth={"N": 2.0}, superlinear=("N",))),
        untimed=(Untimed("Softmax", "candidate", "blocked: incorrect: forward[<default>]"),),
    )
    page = render_html(report)
    assert '<h2 id="timings">Times</h2>' in page
    assert "Linear forward grows with N to the power 2: more than its spec says" in page
    assert "blocked: incorrect: forward[&lt;default&gt;]" in page
    assert page.count("<svg xmlns") >= 4
    assert "nothing is known" not in page
    assert "Times</h2>" not in render_html(make_report(Settings("lab.py"), [], []))
