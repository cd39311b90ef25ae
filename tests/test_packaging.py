"""The wheel holds exactly what it should, and works without the checkout.

What pyproject.toml, tox.ini and the workflow promise of versions is so.
"""

import ast
import configparser
import os
import re
import subprocess
import sys
import tomllib
import venv
from fnmatch import fnmatch
from itertools import product
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
WORKFLOW = (ROOT / ".github/workflows/matrix.yml").read_text(encoding="utf-8")
TOX = configparser.ConfigParser(interpolation=None)
TOX.read(ROOT / "tox.ini", encoding="utf-8")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def tracked(*folders):
    """The files below some folders that belong to the project, relative to its root."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    return {
        path.relative_to(ROOT).as_posix()
        for path in found
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_it_holds_the_package_the_references_the_specs_and_the_recordings(wheel):
    packed = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    specs = {f"conformance/{name}" for name in tracked("specs")}
    assert packed == tracked("conformance", "reference_impls") | specs
    assert any(name.endswith(".npz") for name in specs)
    assert "conformance/py.typed" in packed


def test_it_grades_the_reference_in_another_folder_without_the_checkout(wheel, tmp_path):
    # The packages that it needs come from this environment; the wheel itself from the new one.
    venv.create(tmp_path / "env", with_pip=False)
    site = next((tmp_path / "env").glob("lib/python*/site-packages"))
    with ZipFile(wheel) as archive:
        archive.extractall(site)
    here = [path for path in sys.path if path.endswith("site-packages")]
    (site / "outer.pth").write_text("\n".join(here) + "\n")
    run = subprocess.run(
        [
            tmp_path / "env" / "bin" / "python",
            "-m",
            "pytest",
            "--impl=reference",
            "--conformance-oracle=recorded",
            "--conformance-profile=quick",
            "--conformance-layers=Linear,BatchNorm1d",
            "-q",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.splitlines()[-1].startswith("conformance: reference 100.0 %")
    shown = subprocess.run(
        [
            tmp_path / "env" / "bin" / "python",
            "-c",
            "import conformance; print(conformance.__file__)",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(shown.stdout.strip()).is_relative_to(site)


# --- another package named reference_impls --------------------------------------------------------

IMPORTED = "import reference_impls\n"
MADE = "import sys\nsys.modules['reference_impls'] = type(sys)('reference_impls')\n"


@pytest.mark.parametrize(
    ("implementation", "code", "found"),
    [("reference", "", "{}"), ("lab.py", IMPORTED, "{}"), ("lab.py", MADE, "not importable")],
)
def test_a_package_with_the_name_of_the_references_is_refused(
    tmp_path, implementation, code, found
):
    namesake = tmp_path / "reference_impls"
    namesake.mkdir()
    (namesake / "__init__.py").touch()
    (tmp_path / "lab.py").write_text(code)
    # Without an implementation of its own to import it, it must stand first on the path.
    path = {} if code else {"PYTHONPATH": str(tmp_path)}
    run = subprocess.run(
        [str(Path(sys.executable).with_name("pytest")), f"--impl={implementation}", "-q"],
        cwd=tmp_path,
        env=os.environ | path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 4, run.stdout + run.stderr
    said = f"reference_impls is {found.format(namesake)}, but should be {ROOT}/reference_impls: "
    assert said in run.stderr
    assert "Rename the other one." in run.stderr


# --- versions -------------------------------------------------------------------------------------

BOUND = re.compile(r"([\w-]+)(?:\[\w,]+\])?>=([\d.]+)")


def bounds(requirements):
    return {m[1]: m[2] for text in requirements if (m := BOUND.fullmatch(text))}


def imported(*folders):
    """The top-level modules that the code of some folders imports."""
    for file in (file for folder in folders for file in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            yield from (name.partition(".")[0] for name in names)


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    own = {"conformance", "reference_impls"}
    optional = {"torch", "xdist", "pytest_benchmark"}
    found = set(imported(*own)) - own - optional - sys.stdlib_module_names
    assert found == set(bounds(PROJECT["dependencies"]))


def test_every_dependency_has_a_lower_bound():
    requirements = PROJECT["dependencies"] + EXTRAS["test-without-torch"]
    assert len(bounds(requirements)) == len(requirements)


def test_the_environment_lowest_has_exactly_the_lower_bounds():
    pins = dict(re.findall(r"^([\w-]+)==([\d.]+)$", TOX["testenv:lowest"]["deps"], re.MULTILINE))
    assert pins == bounds(PROJECT["dependencies"] + EXTRAS["test-without-torch"])


def test_the_tests_can_be_installed_with_pytorch_and_without():
    assert EXTRAS["test"] == ["layer-conformance[test-without-torch]", "torch==2.13.0"]
    assert not any("torch" in requirement for requirement in EXTRAS["test-without-torch"])


def test_the_page_on_installation_names_every_extra_and_the_release_of_pytorch():
    page = (ROOT / "docs/installation.md").read_text(encoding="utf-8")
    table = page.partition("\n## Extras\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE) == list(EXTRAS)
    assert set(re.findall(r"torch==[\d.]+", page)) == {EXTRAS["test"][1]}


def test_pytest_refuses_the_versions_that_the_bound_refuses():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    minimum = settings["tool"]["pytest"]["ini_options"]["minversion"]
    assert minimum == bounds(PROJECT["dependencies"])["pytest"]


def test_nothing_private_of_pytest_is_used():
    files = [ROOT / "conformance/plugin.py", *(ROOT / "conformance/pytest_run").rglob("*.py")]
    assert len(files) > 3
    private = [
        f"{file.name}:{node.lineno} {ast.unparse(node)}"
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and re.match(r"_[a-z]", node.attr)
        # A scheduler of pytest-xdist is made by overriding what begins with an underscore.
        and ast.unparse(node.value) not in ("self", "cls", "super()")
    ]
    assert private == []
    assert "_pytest" not in set(imported("conformance", "tests", "benchmarks"))


# --- environments ---------------------------------------------------------------------------------


def expanded(text):
    """`a{1,2}` is a1 and a2, as tox reads it."""
    for word in text.split():
        parts = re.split(r"\{([^}]*)\}", word)
        yield from map("".join, product(*(part.split(",") for part in parts)))


ENVIRONMENTS = list(expanded(TOX["tox"]["env_list"]))
REPORTING = [
    name
    for name in ENVIRONMENTS
    if "--conformance-report=matrix/{env_name}"
    in TOX.get(f"testenv:{name}", "commands", fallback=TOX["testenv"]["commands"])
]


def test_the_summary_compares_the_reports_of_its_environments_and_no_others():
    patterns = TOX["testenv:summary"]["commands"].rpartition('"')[2].split()
    assert {"py312-numpy25", "lowest", "newest", "torch"} < set(REPORTING)
    assert [name for name in REPORTING if not any(fnmatch(name, p) for p in patterns)] == []
    others = {f"py{p}-numpy{n}" for p in (310, 311, 312, 313, 314) for n in (121, 126, 20, 22, 25)}
    strangers = (others | {"grade", "py311", "mine"}) - set(REPORTING)
    assert [name for name in strangers if any(fnmatch(name, p) for p in patterns)] == []
    assert set(REPORTING) <= set(expanded(TOX["testenv:summary"]["depends"]))


def test_the_workflow_runs_every_environment():
    listed = re.findall(r"environment: ([\w-]+),", WORKFLOW)
    checks = re.search(r"environment: \[(.*)\]", WORKFLOW)[1].split(", ")
    assert sorted([*listed, *checks, "summary"]) == sorted(ENVIRONMENTS)
    for name, python in re.findall(r'environment: (py\d+)\S+ python: "([\d.]+)"', WORKFLOW):
        assert name == f"py{python.replace('.', '')}"


def test_the_workflow_pins_its_actions_and_keeps_no_credentials():
    used = re.findall(r"uses: (.+)", WORKFLOW)
    assert used
    assert [u for u in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+", u)] == []
    checkouts = re.findall(r"uses: actions/checkout@.*\n( +)with:\n +(.*)", WORKFLOW)
    assert len(checkouts) == WORKFLOW.count("actions/checkout@")
    assert {said for _, said in checkouts} == {"persist-credentials: false"}
