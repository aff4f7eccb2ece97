"""docs/policies.md names every kind and field there is, with its default, and nothing in it is wrong YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from ruamel.yaml import YAML

from crossply_policy import names
from crossply_policy.access.language import ACCESS
from crossply_policy.access.shapes import Targets
from crossply_policy.language import DEFAULTS, ENDPOINT, KINDS, SERVICE
from crossply_policy.parse import parse
from crossply_policy.rate_limit_table import RATE_LIMIT
from crossply_policy.sections import Field, Section
from crossply_policy.security_table import SECURITY
from crossply_policy.shapes import Choice, Duration
from crossply_policy.telemetry_table import TELEMETRY
from tests.architecture.tree import ROOT

TEXT = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
ROWS = {
    cells[0].strip(" `"): [cell.strip() for cell in cells]
    for line in TEXT.splitlines()
    if line.startswith("| `") and len(cells := line.strip("|").split("|")) > 2
}
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)


def leaves(section: Section, within: str = "") -> Iterator[tuple[str, Field]]:
    """Yield every field that is no section itself, by path."""
    for name, one in section.fields.items():
        if isinstance(one.shape, Section):
            yield from leaves(one.shape, f"{within}{name}.")
        else:
            yield f"{within}{name}", one
            if isinstance(one.shape, Targets):
                yield from leaves(one.shape.section, f"{within}{name}.")


PLACES = {"D": DEFAULTS, "S": SERVICE, "E": ENDPOINT, "T": TELEMETRY, "L": RATE_LIMIT, "A": ACCESS, "Y": SECURITY}
FIELDS = {path: one for section in PLACES.values() for path, one in leaves(section)}


def shown(one: Field) -> str | None:
    """Return a default as the table shows it; None where there is none to show."""
    default = one.default
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, float):
        if not isinstance(one.shape, Duration):
            return f"{default:g}"
        return f"{default:g} s" if default >= 1 else f"{default * 1000:g} ms"
    if isinstance(one.shape, Choice) and default is not None:
        return f"`{default}`"
    return str(default) if isinstance(default, int) else None


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_row(kind: str) -> None:
    assert kind in ROWS


@pytest.mark.parametrize("kind", names.KINDS_TO_COME)
def test_a_kind_of_later_versions_is_named_and_has_no_row(kind: str) -> None:
    assert f"`{kind}`" in TEXT
    assert kind not in ROWS


@pytest.mark.parametrize("path", FIELDS)
def test_every_field_has_its_row_with_its_default(path: str) -> None:
    assert path in ROWS, f"docs/policies.md has no row for {path}"
    expected = shown(FIELDS[path])
    if expected is not None:
        assert ROWS[path][2] == expected


@pytest.mark.parametrize("path", FIELDS)
def test_the_row_of_a_field_says_where_it_may_stand(path: str) -> None:
    where = [letter for letter, section in PLACES.items() if path in dict(leaves(section))]
    assert ROWS[path][1].split() == where


def test_every_field_in_the_docs_is_there() -> None:
    rows = {path for path, cells in ROWS.items() if re.fullmatch(r"[DSETLAY](?: [DSETLAY])*", cells[1])}
    assert rows == set(FIELDS)


@pytest.mark.parametrize("name", sorted({*SERVICE.refused, *DEFAULTS.refused, *TELEMETRY.refused}))
def test_what_is_not_available_is_named(name: str) -> None:
    assert f"`{name}`" in TEXT


def test_every_default_code_of_a_retry_is_named() -> None:
    default = FIELDS["retry.on"].default
    assert isinstance(default, frozenset)
    assert set(re.findall(r"`(\w+)`", ROWS["retry.on"][2])) == default


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_parses(text: str) -> None:
    parse(YAML(typ="safe", pure=True).load(text))  # pyright: ignore[reportUnknownMemberType]  # ruamel's load has no types


def test_there_are_examples_of_every_kind() -> None:
    assert {match for text in EXAMPLES for match in re.findall(r"^kind: (\w+)$", text, re.MULTILINE)} == set(KINDS)
