import os

import pytest

from conformance.spec import catalogue
from conformance.spec.catalogue import (
    bundled_specs,
    find_spec,
    is_bundled,
    load,
    recording_path,
    spec_files,
    spec_label,
    specs_folder,
)
from conformance.spec.loading import load_spec, parse_spec
from conformance.spec.problems import SpecError


@pytest.mark.parametrize("path", spec_files(), ids=lambda path: path.stem)
def test_a_bundled_spec_loads_and_lies_in_the_folder_of_its_family(path):
    assert load(path).header.family == path.parent.name


def test_no_two_bundled_specs_describe_the_same_layer():
    names = [spec.name for spec in bundled_specs()]
    assert sorted(set(names)) == sorted(names)


def test_spec_files_are_in_a_fixed_order():
    assert spec_files() == sorted(specs_folder().rglob("*.toml"))


def test_a_bundled_spec_is_found_whatever_the_case_of_its_name():
    assert find_spec("conv2D").name == "Conv2d"


def test_an_unknown_name_comes_with_a_suggestion():
    with pytest.raises(KeyError, match=r"no spec for 'Linaer' \(did you mean Linear\?\)"):
        find_spec("Linaer")


def test_a_bundled_file_has_the_same_label_wherever_it_is_installed(monkeypatch):
    monkeypatch.chdir(specs_folder() / "conv")
    path = specs_folder() / "conv" / "conv2d.toml"
    assert spec_label(path) == "specs/conv/conv2d.toml"
    assert spec_label(path.relative_to(path.parent)) == "specs/conv/conv2d.toml"


def test_another_file_keeps_the_path_it_was_given_by(tmp_path):
    assert spec_label(tmp_path / "mine.toml") == (tmp_path / "mine.toml").as_posix()


def test_a_file_is_loaded_once():
    path = spec_files()[0]
    assert load(path) is load(path)


def test_recordings_of_bundled_specs_lie_together():
    assert recording_path(find_spec("Linear")) == specs_folder() / "recorded" / "Linear.npz"


def test_the_recording_of_another_spec_lies_beside_it(tmp_path, spec_text):
    path = tmp_path / "scale.toml"
    path.write_text(spec_text)
    spec = load(path)
    assert not is_bundled(spec)
    assert recording_path(spec) == tmp_path / "recorded" / "Scale.npz"


def test_a_spec_given_as_text_has_no_recording(spec_text):
    assert recording_path(parse_spec(spec_text, "scale.toml")) is None


@pytest.fixture
def loads(monkeypatch):
    """The names of the files that are loaded from now on."""
    names = []

    def counted(path, label):
        names.append(path.name)
        return load_spec(path, label)

    monkeypatch.setattr(catalogue, "load_spec", counted)
    return names


def test_each_of_many_files_is_loaded_once(tmp_path, spec_text, loads):
    files = [tmp_path / f"{number}.toml" for number in range(300)]
    for file in files:
        file.write_text(spec_text, encoding="utf-8")
    assert [load(file) for file in files] == [load(file) for file in files]
    assert loads == [file.name for file in files]


def test_a_broken_file_is_read_once_and_again_when_it_was_mended(tmp_path, spec_text, loads):
    file = tmp_path / "scale.toml"
    file.write_text("broken", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(SpecError, match="not valid TOML"):
            load(file)
    assert loads == ["scale.toml"]
    file.write_text(spec_text, encoding="utf-8")
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1_000_000))
    assert load(file).name == "Scale"


@pytest.mark.parametrize("text", ["x = " + "[" * 9000, "x = " + "9" * 5000, "x = = 1"])
def test_a_file_that_cannot_be_read_is_taken_for_a_spec_so_that_loading_says_why(tmp_path, text):
    path = tmp_path / "odd.toml"
    path.write_text(text, encoding="utf-8")
    assert catalogue.spec_files_in(tmp_path) == [path]
    with pytest.raises(SpecError):
        catalogue.load(path)
