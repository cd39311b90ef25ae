"""docs/adding-a-layer.md and docs/adding-a-check.md work when they are followed to the letter.

A copy of the checkout gets the blocks of a page in order. A block after a sentence that ends with a
path is a new file or is added at the end of a file; a `diff` changes one place of it. The commands
run in the copy and print what the page shows.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_worked_examples import lines

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(
    r"(?:`([\w./]+)`:\n\n)?^```(\w+)\n(.*?)^```(?:\n\n```text\n(.*?)```)?", re.DOTALL | re.MULTILINE
)
NOT_RUN = {
    'pip install -e ".[test,dev]"': "changes the environment",
    "pytest tests/checks tests/selftest tests/test_acceptance.py tests/test_readme.py -q": "slow",
    "pytest tests/checks tests/selftest tests/test_acceptance.py -q": "slow",
    "pytest --impl=torch -q -k backward_scales --conformance-tier=strict": "slow; needs PyTorch",
    "conformance selftest --layers=Linear": "slow; the diagnosis shows the same",
    "mypy && lint-imports --no-logo": "slow",
}
if not shutil.which("ruff"):
    NOT_RUN["ruff check . && ruff format --check ."] = "ruff is not in the extra `test`"


@pytest.fixture
def checkout(tmp_path):
    for name in ("conformance", "reference_impls", "specs", "docs", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in ("pyproject.toml", "conftest.py", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def change(path, kind, body):
    if kind == "diff":
        rows = body.splitlines(keepends=True)
        old = "".join(row[1:] for row in rows if row[0] != "+")
        new = "".join(row[1:] for row in rows if row[0] != "-")
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{path}: the page's diff does not apply:\n{body}"
        path.write_text(text.replace(old, new), encoding="utf-8")
    else:
        body = "\n\n" + body if path.exists() else body
        with path.open("a", encoding="utf-8") as file:
            file.write(body)


def commands(kind, body, said):
    """Each command of a block and what it prints."""
    if kind == "console":
        return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", body, re.MULTILINE)
    *rest, last = body.splitlines()
    return [(command, "") for command in rest] + [(last, said)]


def follow(command, said, folder):
    environ = os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(folder),  # the copy, not the checkout that is installed
    }
    process = subprocess.run(
        command, shell=True, cwd=folder, env=environ, capture_output=True, text=True
    )
    output = process.stdout + process.stderr
    assert process.returncode == int("FAILED" in said), f"$ {command}\n{output}"
    printed = iter(lines(output))
    for line in lines("\n" + said):  # in this order, perhaps with others between them
        pattern = re.escape(line).replace("…", ".*")
        assert any(re.fullmatch(pattern, other) for other in printed), (
            f"$ {command}\nprints no line {line!r}, or not there:\n{output}"
        )


@pytest.mark.parametrize("page", ["adding-a-layer.md", "adding-a-check.md"])
def test_a_page_works_when_followed_to_the_letter(page, checkout):
    if page == "adding-a-layer.md":
        pytest.importorskip("torch")  # grades torch.nn.PReLU, `conformance record` asks it
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert text.count("```") == 2 * len(re.findall(r"^```\w+$", text, re.MULTILINE))
    for path, kind, body, said in BLOCK.findall(text):
        if kind in ("sh", "console"):
            for command, shown in commands(kind, body, said):
                if command not in NOT_RUN:
                    follow(command, shown, checkout)
        else:
            assert path, f"the sentence before this block does not end with its file:\n{body}"
            change(checkout / path, kind, body)


def test_what_is_not_run_is_on_a_page():
    pages = "".join((ROOT / f"docs/adding-a-{n}.md").read_text("utf-8") for n in ("layer", "check"))
    assert [command for command in NOT_RUN if f"\n{command}\n" not in pages] == []
