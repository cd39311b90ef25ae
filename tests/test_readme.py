"""What README prints is what happens."""

import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def run(code):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_gradient_example_prints_what_it_says():
    section = README.split("## Check a gradient")[1]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    said = re.search(r"```text\n(.*?)```", section, re.DOTALL)[1]
    # Rounding noise differs between machines; everything else is the same everywhere.
    numbers = re.compile(
        r"\d\.\de-\d\d +\[\d, \d\]|0\.0e\+00 +\[\d\]|\d\.\de-\d\d +\[\d\]|\d\.\de-\d\d"
    )
    assert numbers.sub("#", run(code)) == numbers.sub("#", said)


def test_the_grading_example_runs():
    code = re.search(r"```python\n(import conformance.*?)```", README, re.DOTALL)[1]
    assert "conformance: reference 100.0 %" in run(code)


def test_every_spec_is_in_the_table():
    from conformance.spec.catalogue import bundled_specs

    table = README.split("## Specs")[1]
    assert [spec.name for spec in bundled_specs() if f"`{spec.name}`" not in table] == []
