"""Documents survive every form they are written in, and no input breaks the reading of one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossply_policy.canonical import canonical, from_canonical
from crossply_policy.documents import Document
from crossply_policy.faults import PolicyInvalid
from crossply_policy.parse import parse, parse_json, plain
from crossply_policy.plain_data import is_object
from tests.property.policy_documents import documents

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["5s", "250ms", "queue", "hash", "mesh", "Service", "Defaults", "internal", "not_found"])
)
words = st.sampled_from(
    [
        "kind",
        "name",
        "spec",
        "timeout",
        "retry",
        "on",
        "budget",
        "endpoints",
        "total",
        "drain",
        "hedge",
        "ratio",
    ]
)
keys = words | scalars
anything = st.recursive(
    scalars | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def refused_or_read(value: object) -> None:
    """Parse; a refusal has faults, in printable words, and a document survives."""
    try:
        document = parse(value)
    except PolicyInvalid as invalid:
        faults = invalid.faults
    else:
        assert parse(plain(document)) == document
        return
    assert faults
    assert all(str(fault).isprintable() for fault in faults)


def replaced(value: object, way: list[int], new: object) -> object:
    """Return plain data with the value at some place within it replaced."""
    if not way or not is_object(value) or not value:
        return new
    key = sorted(value, key=str)[way[0] % len(value)]
    return {**value, key: replaced(value[key], way[1:], new)}


def shuffled(value: object, draw: st.DataObject) -> object:
    """Return plain data with the keys of every object in another order."""
    if not is_object(value):
        return value
    order = draw.draw(st.permutations(list(value)))
    return {key: shuffled(value[key], draw) for key in order}


@given(documents)
def test_what_is_rendered_parses_to_the_same_document(document: Document) -> None:
    assert parse(plain(document)) == document


@given(documents)
def test_json_carries_every_document(document: Document) -> None:
    assert parse_json(json.dumps(plain(document)).encode()) == document


@given(documents)
def test_the_canonical_form_carries_every_document(document: Document) -> None:
    assert from_canonical(canonical(document)) == document


@given(documents, st.data())
def test_the_canonical_form_does_not_depend_on_the_order_of_keys(document: Document, draw: st.DataObject) -> None:
    assert canonical(parse(shuffled(plain(document), draw))) == canonical(document)


@given(anything)
def test_arbitrary_data_is_read_or_refused_with_faults(value: object) -> None:
    refused_or_read(value)


@given(st.dictionaries(st.sampled_from(["kind", "name", "spec"]), anything, min_size=2))
def test_anything_in_the_place_of_a_document_is_read_or_refused_with_faults(value: object) -> None:
    refused_or_read(value)


@given(documents, st.lists(st.integers(0, 20), max_size=5), anything)
def test_a_document_with_one_part_replaced_is_read_or_refused_with_faults(
    document: Document, way: list[int], new: object
) -> None:
    refused_or_read(replaced(plain(document), way, new))


@given(st.binary(max_size=200) | documents.map(canonical).map(lambda raw: raw[:-1]))
def test_arbitrary_bytes_are_no_document_in_canonical_form(raw: bytes) -> None:
    try:
        document = from_canonical(raw)
    except PolicyInvalid:
        return
    assert canonical(document) == raw


@given(st.binary(max_size=50) | st.text(alphabet='{}[]":,\\u019dcnaNIf ', max_size=50).map(str.encode))
def test_arbitrary_bytes_are_no_json_document(raw: bytes) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        parse_json(raw)
    assert refused.value.faults
