"""The examples of docs/worked-examples.md, and what README shows of them, happen as printed."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SECTIONS = dict(
    re.findall(
        r"^## ([^\n]+)\n(.*?)(?=^## |\Z)",
        (ROOT / "docs/worked-examples.md").read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
)
COMMAND = re.compile(r"```console\n\$ (pytest [^\n]+)\n```\n\n```text\n(.*?)```", re.DOTALL)
SHOWN = dict(COMMAND.findall((ROOT / "README.md").read_text(encoding="utf-8")))

COUNT = re.compile(r"(?<![\w.])\d[\d./]*")


def write_files(text, folder):
    """The files of a section, and a notebook of its cells."""
    for name, body in re.findall(r"^`([\w./]+)`[^\n]*\n\n```\w+\n(.*?)```", text, re.M | re.S):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body, encoding="utf-8")
    cells = re.findall(r"^Cell \d+ of `lab.ipynb`:\n\n```python\n(.*?)```", text, re.M | re.S)
    if cells:
        code = [{"cell_type": "code", "source": source} for source in cells]
        markdown = {"cell_type": "markdown", "source": "# Lab 2"}
        notebook = {"cells": [markdown, *code], "nbformat": 4}
        (folder / "lab.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def install(folder):
    """What ``pip install -e .`` leaves behind for importlib.metadata."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / f"{project['name']}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def lines(text):
    """Lines of an output, without what differs between machines, and how many checks there are."""
    text = re.sub(r"oracle=.*", "oracle=#", text)
    text = re.sub(r"\d\.\de[-+]\d\d", "#", text)
    failures, table, counts = text.partition("\nlayer ")
    counts = COUNT.sub("#", counts)
    # README shows the last line without the table.
    failures = re.sub(r"(?m)^conformance: .*$", lambda m: COUNT.sub("#", m[0]), failures)
    found = (failures + table + counts).splitlines()
    return [re.sub(r"[ ─]+", " ", line).strip() for line in found if line.strip() not in ("", "…")]


@pytest.mark.parametrize("title", SECTIONS)
def test_an_example_prints_what_it_says(title, tmp_path):
    if "torch" in title:
        pytest.importorskip("torch")
    text = SECTIONS[title]
    write_files(text, tmp_path)
    if (tmp_path / "pyproject.toml").exists():
        install(tmp_path)
    command, said = COMMAND.search(text).groups()
    # Not the project's own settings: an example is run in a folder of its own.
    process = subprocess.run(
        [sys.executable, "-m", *command.split(), "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 1, process.stdout + process.stderr
    printed = lines(process.stdout)
    assert [line for line in lines(said) if line not in printed] == []
    in_readme = lines(SHOWN.get(command, ""))
    assert [line for line in in_readme if line not in printed] == []


def test_what_readme_shows_is_a_worked_example():
    commands = {COMMAND.search(text)[1] for text in SECTIONS.values()}
    assert SHOWN
    assert set(SHOWN) <= commands
    assert all(lines(said) for said in SHOWN.values())
