"""The example documents parse, and say what their comments say."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from crossply_policy.canonical import canonical, from_canonical
from crossply_policy.compile import compile_snapshot
from crossply_policy.documents import Document
from crossply_policy.parse import parse

EXAMPLES = sorted((Path(__file__).parents[3] / "policies" / "examples").glob("*.yaml"))


def read(path: Path) -> Document:
    """Return the document in a file."""
    return parse(YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")))  # pyright: ignore[reportUnknownMemberType]  # ruamel's load has no types


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_parses_and_survives_the_wire(path: Path) -> None:
    document = read(path)
    assert from_canonical(canonical(document)) == document


def test_the_examples_compile_together() -> None:
    snapshot = compile_snapshot(map(read, EXAMPLES), generation=1, revision=1)

    assert len(EXAMPLES) >= 3
    assert snapshot.route("billing", "refund").retry.attempts == 0
    charge = snapshot.route("billing", "charge")
    assert charge.idempotent
    assert charge.retry.attempts == 2
    assert snapshot.route("orders", "export").timeout.total == 60.0
