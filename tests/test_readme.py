"""What README, docs/gradients.md and docs/specs.md print is what happens."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
GRADIENTS = (ROOT / "docs/gradients.md").read_text(encoding="utf-8")
SPECS = (ROOT / "docs/specs.md").read_text(encoding="utf-8")


def run(code):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_gradient_example_prints_what_it_says():
    code = re.search(r"```python\n(.*?)```", GRADIENTS, re.DOTALL)[1]
    said = re.search(r"```text\n(.*?)```", GRADIENTS, re.DOTALL)[1]
    # Rounding noise differs between machines; everything else is the same everywhere.
    numbers = re.compile(
        r"\d\.\de-\d\d +\[\d, \d\]|0\.0e\+00 +\[\d\]|\d\.\de-\d\d +\[\d\]|\d\.\de-\d\d"
    )
    assert numbers.sub("#", run(code)) == numbers.sub("#", said)


def test_the_grading_example_runs():
    code = re.search(r"```python\n(import conformance.*?)```", README, re.DOTALL)[1]
    assert "conformance: reference 100.0 %" in run(code)


def test_every_spec_is_in_the_table_and_counted():
    from conformance.spec.catalogue import bundled_specs

    names = [spec.name for spec in bundled_specs()]
    assert [name for name in names if f"`{name}`" not in SPECS] == []
    assert f"There are {len(names)} [specs](docs/specs.md)" in " ".join(README.split())


def test_the_first_command_has_its_clone():
    blocks = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)
    assert blocks[0].startswith("git clone ")
    assert blocks[1:] == [
        "pip install -e . && pytest --impl=reference",
        'pip install -e ".[test]" && pytest',
    ]
