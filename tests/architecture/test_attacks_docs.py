"""The table of attacks in docs/security.md names tests, and each is there."""

from __future__ import annotations

import re

import pytest

from tests.architecture.tree import ROOT

_HEADING = "## Attacks and the tests that hold them"
_FILE = re.compile(r"`([a-z0-9_/]+\.py)`")


def rows() -> list[list[str]]:
    """Return the cells of each attack: what it is, what stops it, which tests hold that."""
    _, _, after = (ROOT / "docs" / "security.md").read_text().partition(_HEADING)
    lines = [line for line in after.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def test_there_are_attacks_in_the_table() -> None:
    assert len(rows()) > 20


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row[0])[:40])
def test_each_attack_has_what_stops_it_and_tests_that_are_there(row: list[str]) -> None:
    assert len(row) == 3, row
    named = _FILE.findall(row[2])
    assert named, f"no test is named for: {row[0]}"
    for each in named:
        path = ROOT / "tests" / each
        assert path.is_file(), f"{each} is not there"
        assert re.search(r"^(async )?def test_", path.read_text(), re.MULTILINE), f"{each} holds no test"
