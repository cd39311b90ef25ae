import json
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from conformance.spec.catalogue import spec_files, specs_folder
from conformance.spec.json_schema import spec_json_schema, spec_json_schema_text


def mistakes(text: str) -> list[str]:
    found = Draft202012Validator(spec_json_schema()).iter_errors(tomllib.loads(text))
    return [error.message for error in found]


def test_the_published_schema_is_up_to_date():
    published = specs_folder() / "spec.schema.json"
    assert published.read_text(encoding="utf-8") == spec_json_schema_text()


def test_the_schema_is_a_json_schema():
    Draft202012Validator.check_schema(spec_json_schema())


def test_every_object_of_the_schema_is_explained():
    schema = json.loads(spec_json_schema_text())
    assert all(table.get("description") for table in schema["$defs"].values())


@pytest.mark.parametrize("path", spec_files(), ids=lambda path: path.stem)
def test_a_bundled_spec_validates(path):
    assert mistakes(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", spec_files(), ids=lambda path: path.stem)
def test_a_bundled_spec_points_editors_to_the_schema(path):
    marker, _, target = path.read_text(encoding="utf-8").splitlines()[0].partition(" ")
    assert marker == "#:schema"
    assert Path(path.parent, target).resolve() == specs_folder() / "spec.schema.json"


def test_the_spec_of_these_tests_validates(spec_text):
    assert mistakes(spec_text) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("default = true", "defualt = true"),
        ("[define]", "[defines]"),
        ('"contraction"', '"contracton"'),
        ('name = "Scale"', ""),
        ('id = "small"', 'id = "Small one"'),
        ("N = 2", 'N = "2"'),
    ],
)
def test_a_mistake_is_found(spec_text, old, new):
    assert spec_text.count(old) == 1
    assert len(mistakes(spec_text.replace(old, new))) == 1
