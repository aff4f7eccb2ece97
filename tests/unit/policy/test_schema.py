"""The JSON Schemas that ship are those of the language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

from crossply_policy import names
from crossply_policy.language import KINDS
from crossply_policy.plain_data import is_object, places
from crossply_policy.schema import file_name, rendered, schemas


def test_the_files_are_current() -> None:
    folder = files("crossply_policy.schema")
    for kind, schema in schemas().items():
        held = (folder / file_name(kind)).read_text(encoding="utf-8")
        assert held == rendered(schema), "run `python -m crossply_policy.schema`"


def test_there_is_no_file_of_a_kind_that_is_not_there() -> None:
    held = {one.name for one in files("crossply_policy.schema").iterdir() if one.name.endswith(".json")}
    assert held == {file_name(kind) for kind in KINDS}


def test_every_object_is_closed() -> None:
    for schema in schemas().values():
        objects = list(_objects(schema))
        assert len(objects) > 1
        assert all(one["additionalProperties"] is not True and "additionalProperties" in one for one in objects)


def test_a_schema_shows_what_holds_where_nothing_is_said() -> None:
    spec = schemas()["Defaults"]["properties"]["spec"]["properties"]
    assert spec["timeout"]["properties"]["total"]["default"] == 5.0
    assert spec["retry"]["properties"]["attempts"]["default"] == 2
    assert spec["balance"]["properties"]["method"]["default"] == "least_latency"
    assert "default" not in spec["timeout"]["properties"]["attempt"]


def test_the_pattern_of_names_accepts_what_the_grammar_accepts() -> None:
    for text in ("orders", "a", "a" * 63, "a" * 64, "any", "anyone", "i-a", "i", "A", "a_b", "-a", "a-", ""):
        try:
            names.service(text)
        except names.NameFault:
            accepted = False
        else:
            accepted = True
        assert bool(re.search(names.NAME_PATTERN, text)) is accepted, text


def _objects(schema: object) -> list[Mapping[object, object]]:
    found = [place.value for place in places(schema, deepest=100)]
    return [value for value in found if is_object(value) and value.get("type") == "object"]
