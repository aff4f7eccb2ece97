"""The byte form of documents: one per document, and nothing else is read."""

from __future__ import annotations

import hashlib

import pytest
from msgspec import msgpack

from crossply_policy.canonical import canonical, digest, from_canonical
from crossply_policy.documents import RETRIED
from crossply_policy.faults import PolicyInvalid
from crossply_policy.parse import parse
from tests.unit.policy.documents import service


def test_equal_documents_have_equal_bytes_however_they_were_written() -> None:
    first = parse(service(timeout={"total": "5s", "idle": 1}, endpoints={"a": {}, "b": {}}))
    second = parse(service(endpoints={"b": {}, "a": {}}, timeout={"idle": "1000ms", "total": 5.0}))

    assert canonical(first) == canonical(second)


def test_the_bytes_are_pinned() -> None:
    raw = canonical(parse(service("billing", retry={"attempts": 2, "on": ["unavailable", "internal"]})))

    assert raw == (
        b"\x83\xa4kind\xa7Service\xa4name\xa7billing\xa4spec\x81\xa5retry"
        b"\x82\xa8attempts\x02\xa2on\x92\xa8internal\xabunavailable"
    )
    assert digest(raw) == hashlib.sha256(raw).hexdigest()


def test_minus_zero_is_zero() -> None:
    minus, plus = (parse(service(retry={"budget": {"ratio": ratio}})) for ratio in (-0.0, 0.0))
    assert canonical(minus) == canonical(plus)


def test_a_document_is_read_back() -> None:
    document = parse(service(idempotent=True, endpoints={"charge": {"timeout": {"total": "1ms"}}}))
    assert from_canonical(canonical(document)) == document


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "is not msgpack"),
        (b"\xc1", "is not msgpack"),
        (b"\x91" * 100_000, "is not msgpack"),
        (b"\x81\xa1\xff\x01", "is not msgpack"),
        (b"\xdd\xff\xff\xff\xff", "is not msgpack"),
        (b"\x00" * 300_000, "is 300000 bytes long"),
        (b"\x01", "must be an object"),
        (msgpack.encode(service()) + b"\x00", "is not msgpack"),
        (msgpack.encode({"kind": "Objective", "name": "a", "spec": {}}), "not available in this version"),
        (msgpack.encode({"spec": {}, "name": "a", "kind": "Service"}), "is not in canonical form"),
        (msgpack.encode(service(timeout={"total": "5s"})), "is not in canonical form"),
        (b"\x84" + canonical(parse(service()))[1:] + b"\xa4name\xa6orders", "is not in canonical form"),
    ],
)
def test_bytes_that_canonical_does_not_write_are_refused(raw: bytes, why: str) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        from_canonical(raw)
    assert why in str(refused.value)


def test_a_document_too_large_for_its_byte_form_is_refused() -> None:
    long_names = [f"{number:04}" + "x" * 59 for number in range(1024)]
    timeout = {"total": 1, "attempt": 1, "idle": 1}
    retry = {"base": 1, "on": list(RETRIED), "budget": {"ratio": 1, "floor": 1, "window": 1}}
    assert canonical(parse(service(endpoints={name: {"timeout": timeout} for name in long_names})))

    huge = parse(service(endpoints={name: {"timeout": timeout, "retry": retry} for name in long_names}))
    with pytest.raises(PolicyInvalid, match="bytes long, at most 262144"):
        canonical(huge)
