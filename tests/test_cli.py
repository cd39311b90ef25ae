"""The conformance command."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conformance.cli import app
from conformance.runner.plan import plan
from conformance.runner.settings import Settings
from conformance.spec.catalogue import bundled_specs, find_spec, specs_folder

LINEAR = str(specs_folder() / "linear" / "linear.toml")


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_list_has_one_line_per_spec(run):
    lines = run("list").output.splitlines()
    for spec in bundled_specs():
        assert sum(line.split()[:1] == [spec.name] for line in lines) == 1


@pytest.mark.parametrize("name", [spec.name for spec in bundled_specs()])
def test_show_tells_the_contract(run, name):
    result = run("show", name)
    assert result.exit_code == 0
    for word in ("source", "file", "known misreadings", "cases", "checks"):
        assert word in result.output


def test_show_of_something_unknown_suggests(run):
    result = run("show", "Conv3d")
    assert result.exit_code == 2
    assert result.output == "conformance: no spec for 'Conv3d' (did you mean Conv2d?)\n"


def test_show_takes_a_file(run):
    assert "in_features" in run("show", LINEAR).output


def test_check_accepts_good_files(run):
    result = run("check", LINEAR)
    assert result.exit_code == 0
    assert f"Linear is fine: {len(find_spec('Linear').cases)} cases" in result.output


def test_check_reports_every_mistake_of_every_file(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = Path(LINEAR).read_text()
    Path("a.toml").write_text(text.replace("accumulates", "acumulates"))
    Path("b.toml").write_text(text.replace('input = "*N F"', 'input = "*N E"'))
    result = run("check", "a.toml", "b.toml")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "a.toml:31: gradients.acumulates: unknown key (did you mean accumulates?)",
        "b.toml:21: inputs.input: E is not a dimension, argument or definition "
        "(known: N, F, G, in_features, out_features, bias)",
    ]


def test_check_of_a_missing_file_says_so(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("check", "nothing.toml")
    assert result.exit_code == 1
    assert result.output == "nothing.toml:1: cannot be read: No such file or directory\n"


def test_record_writes_beside_a_user_s_spec_which_then_needs_no_torch(run, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    import conformance

    monkeypatch.chdir(tmp_path)
    Path("linear.toml").write_text(Path(LINEAR).read_text())
    result = run("record", "linear.toml")
    assert result.exit_code == 0
    assert (tmp_path / "recorded" / "Linear.npz").is_file()
    report = conformance.grade(
        "reference", specs=["linear.toml"], oracle="recorded", profile="quick"
    )
    assert report.ok
    assert report.oracle.startswith("recorded torch")


def test_schemas_are_printed(run):
    for kind in ("spec", "report"):
        assert json.loads(run("schema", kind).output)["$schema"].startswith("https://json-schema")
    assert run("schema", "other").exit_code == 2


def test_list_can_grade_implementations(run, monkeypatch):
    linear = [spec for spec in bundled_specs() if spec.name in ("Linear", "FixedLR")]
    monkeypatch.setattr("conformance.spec.catalogue.known_specs", lambda: linear)
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("list", "--grade", "reference,naive").output.splitlines()
    cells = [line.split() for line in lines]
    planned = plan(linear[0], Settings("", tier="strict", profile="quick"))
    assert ["Linear", str(len(planned)), "100.0", "%", "100.0", "%"] in cells
    assert ["FixedLR", "2", "100.0", "%", "100.0", "%"] in cells


def python(*arguments, **environment):
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )
    return done.stdout


def test_the_version_is_that_of_the_distribution():
    expected = f"conformance {version('layer-conformance')}\n"
    assert python("-m", "conformance", "--version") == expected
    assert python("-c", "from conformance.cli import main; main()", "--version") == expected


def test_python_m_is_the_command(run):
    assert "Usage: conformance [OPTIONS]" in python("-m", "conformance", "--help")
    assert python("-m", "conformance", "schema", "spec") == run("schema", "spec").output


def test_shells_complete_commands():
    completed = python(
        "-m",
        "conformance",
        _CONFORMANCE_COMPLETE="complete_bash",
        COMP_WORDS="conformance sc",
        COMP_CWORD="1",
    )
    assert completed.split() == ["schema"]


def test_help_imports_nothing_that_only_commands_need():
    heavy = ("numpy", "pydantic", "hypothesis", "pytest", "torch", "jinja2", "importlib.metadata")
    loaded = python(
        "-c",
        "import sys, contextlib, io\n"
        "from conformance.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "print(*sys.modules)",
        "--help",
    ).split()
    assert "conformance.cli.specs" in loaded
    assert [name for name in heavy if name in loaded] == []
