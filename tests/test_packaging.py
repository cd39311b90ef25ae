"""The wheel holds exactly what it should, and works without the checkout."""

import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent


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
