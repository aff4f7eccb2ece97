"""docs/policies.md names every field of a `Traffic` document and every code of a warning."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from crossply_policy.lint import CODES
from crossply_policy.lists import Sections
from crossply_policy.rules import HOPS
from crossply_policy.sections import Field, Section
from crossply_policy.traffic_language import TRAFFIC
from tests.architecture.tree import ROOT

TEXT = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `([a-z.]+)` \| R \| (.*?) \|", TEXT, re.MULTILINE))


def leaves(section: Section, within: str = "") -> Iterator[tuple[str, Field]]:
    """Yield every field by path, those of routes included, sections left out."""
    for name, one in section.fields.items():
        if isinstance(one.shape, Section):
            yield from leaves(one.shape, f"{within}{name}.")
            continue
        yield f"{within}{name}", one
        if isinstance(one.shape, Sections):
            yield from leaves(one.shape.section, f"{within}{name}.")


FIELDS = dict(leaves(TRAFFIC))


def test_every_field_has_its_row_and_every_row_its_field() -> None:
    assert set(ROWS) == set(FIELDS)


@pytest.mark.parametrize("path", [path for path, one in FIELDS.items() if one.default is not None])
def test_the_row_of_a_field_shows_its_default(path: str) -> None:
    assert ROWS[path] == f"{FIELDS[path].default:g}"


def test_the_table_of_warnings_is_that_of_the_language() -> None:
    assert dict(re.findall(r"^\| `(CP\d+)` \| (.*?) \|", TEXT, re.MULTILINE)) == CODES


def test_the_number_of_redirects_followed_is_that_of_the_language() -> None:
    assert HOPS == 8
    assert "a call follows eight at most" in TEXT
