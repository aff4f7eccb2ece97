"""The table of the language agrees with the types it makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import pytest

from crossply_policy import documents, names
from crossply_policy.language import KINDS
from crossply_policy.lists import Sections
from crossply_policy.sections import Named, Section
from crossply_policy.snapshot import Route


def sections(section: Section) -> Iterator[Section]:
    """Yield a section and all within it."""
    yield section
    for one in section.fields.values():
        if isinstance(one.shape, Section):
            yield from sections(one.shape)
        if isinstance(one.shape, Named | Sections):
            yield from sections(one.shape.section)


def test_the_kinds_that_parse_are_the_names_known() -> None:
    assert tuple(KINDS) == names.KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_every_section_has_the_fields_of_its_type_each_explained(kind: str) -> None:
    for section in sections(KINDS[kind].spec):
        made = section.make()
        assert [one.name for one in fields(made)] == [one.attribute or name for name, one in section.fields.items()]  # type: ignore[arg-type]  # all make dataclasses
        assert all(one.about.endswith(".") for one in section.fields.values())
        assert not set(section.refused) & set(section.fields)


@pytest.mark.parametrize("kind", ["Defaults", "Service"])
def test_every_section_of_a_document_has_its_place_in_a_route(kind: str) -> None:
    # What a process keeps is said of the process, not of the endpoints that it calls.
    compiled = documents.TelemetryPolicy if kind == "Telemetry" else Route
    assert set(KINDS[kind].spec.fields) - {"endpoints"} <= {one.name for one in fields(compiled)}


@pytest.mark.parametrize("section", ["Timeout", "Budget", "Retry", "Balance", "Drain", "Admission", "Telemetry"])
def test_a_policy_has_the_fields_of_what_may_be_said(section: str) -> None:
    policy, spec = getattr(documents, f"{section}Policy"), getattr(documents, f"{section}Spec")
    assert [one.name for one in fields(policy)] == [one.name for one in fields(spec)]
