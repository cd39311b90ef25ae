"""Pages that break none of axe's rules, wide and narrow, light and dark.

Needs ``pip install axe-playwright-python`` and Chromium; CONFORMANCE_CHROMIUM names its launcher
where it is not Playwright's own.
"""

import os

import pytest
from reports.handmade import failure, many, report

from conformance.records.verdict import Series, Values
from conformance.reports.html_report import render_html
from conformance.reports.scoreboard import scoreboard, scoreboard_html

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright")

UNFOLD = "document.querySelectorAll('details').forEach(d => d.open = true)"


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        launcher = os.environ.get("CONFORMANCE_CHROMIUM")
        try:
            found = started.chromium.launch(executable_path=launcher, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no Chromium: {str(error).splitlines()[0]}")
        yield found
        found.close()


def wrong():
    """A report with all that a page can show."""
    told = failure(printed="printed", bindings="N=2", oracle="recorded torch")
    [finding] = told.findings
    values = Values((2, 2), (1.0, 2.0, 3.0, 4.0), (1.0, 2.0, 3.0, 9.0), (1e-9,) * 4)
    curve = Series("loss", (1.0, 2.0, 3.0), (3.0, 2.0, 1.0))
    findings = (type(finding)(**vars(finding) | {"values": values, "series": (curve,)}),)
    rest = many("errored", "blocked", "skipped", "xfailed", "passed", reason="a reason")
    return report(failure(findings=findings, case="seen"), told, *rest, notes=("a note",))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("kind", ["report", "scoreboard"])
def test_a_page_breaks_no_rule(browser, tmp_path, kind, width, scheme):
    board = scoreboard({"a": wrong(), "b": report(*many("passed"))})
    text = render_html(wrong()) if kind == "report" else scoreboard_html(board)
    path = tmp_path / "page.html"
    path.write_text(text, encoding="utf-8")
    # The policy of the page would keep axe out, too.
    context = browser.new_context(
        bypass_csp=True, viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    page = context.new_page()
    page.goto(path.as_uri())
    page.evaluate(UNFOLD)
    results = axe.Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
