"""What stands in the clear, and the bounds of it that need no key."""

from __future__ import annotations

import pytest

from crossply.handler import Kind
from crossply.seal import layout
from crossply.seal.faults import Reason
from crossply.seal.layout import HEADER, LEAST, MAX_SIZE, MAX_TTL, MESSAGES, SIZE
from crossply.wire.envelope import MAX_TLVS
from tests.unit.sdk.seal.members import MID, NOW, refused

BEGIN = layout.begin(0x01)


def packed(*, kind: int = 1, flags: int = 0, hlen: int = 0, seq: int = 0, ttl: int = 0, rest: int = 18) -> bytes:
    return HEADER.pack(BEGIN, kind, flags, hlen, bytes(range(48)), seq, NOW, ttl, MID) + bytes(rest)


def test_the_fields_are_where_the_protocol_says() -> None:
    head = layout.read(packed(seq=5, ttl=7, hlen=3, rest=21), BEGIN, LEAST)
    assert head == (Kind.REQUEST, bytes(range(48)), 5, NOW, 7, MID, SIZE + 3)


@pytest.mark.parametrize(
    "fields",
    [
        {"seq": MESSAGES - 1},
        {"ttl": MAX_TTL},
        {"hlen": MAX_TLVS, "rest": MAX_TLVS + 18},
        {"rest": MAX_SIZE - SIZE},
        {"kind": 9},
    ],
)
def test_each_field_may_be_what_its_bound_is(fields: dict[str, int]) -> None:
    assert layout.read(packed(**fields), BEGIN, LEAST)[5] == MID


@pytest.mark.parametrize(
    "fields",
    [
        {"seq": MESSAGES},
        {"ttl": MAX_TTL + 1},
        {"hlen": MAX_TLVS + 1, "rest": MAX_TLVS + 19},
        {"hlen": 1},
        {"rest": MAX_SIZE - SIZE + 1},
        {"rest": 17},
        {"kind": 0},
        {"kind": 10},
    ],
)
def test_no_field_may_be_beyond_its_bound(fields: dict[str, int]) -> None:
    assert refused(layout.read, packed(**fields), BEGIN, LEAST) is Reason.MALFORMED


@pytest.mark.parametrize("flags", [1 << bit for bit in range(16)])
def test_no_flag_and_no_reserved_bit_is_known(flags: int) -> None:
    assert refused(layout.read, packed(flags=flags), BEGIN, LEAST) is Reason.UNSUPPORTED


@pytest.mark.parametrize("begin", [b"\xe7\x01\x00", b"\xe7\x01\x02", b"\xe7\x02\x01", b"\xe7\x00\x01", b"{\x01\x01"])
def test_another_magic_version_or_suite_is_not_supported(begin: bytes) -> None:
    assert refused(layout.read, begin + packed()[3:], BEGIN, LEAST) is Reason.UNSUPPORTED
