"""An envelope opens to what was packed; anything else is an EnvelopeFault, never another error."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossply.handler import Kind
from crossply.wire import envelope
from crossply.wire.envelope import Envelope, EnvelopeFault

GOOD = envelope.pack(
    Envelope(
        Kind.REQUEST,
        bytes(range(16)),
        seq=7,
        ttl=5000,
        tlvs={envelope.OPERATION: b"create", envelope.ATTEMPT: b"\x01"},
        metadata=b"\x80",
        body=b"body",
    )
)


@given(
    kind=st.sampled_from(Kind),
    mid=st.binary(min_size=16, max_size=16),
    seq=st.integers(0, 2**64 - 1),
    ttl=st.integers(0, 2**32 - 1),
    tlvs=st.dictionaries(st.integers(1, 10), st.binary(max_size=60)),
    metadata=st.binary(max_size=80),
    body=st.binary(max_size=200),
)
def test_what_was_packed_opens_to_the_same(
    kind: Kind, mid: bytes, seq: int, ttl: int, tlvs: dict[int, bytes], metadata: bytes, body: bytes
) -> None:
    raw = envelope.pack(Envelope(kind, mid, seq=seq, ttl=ttl, tlvs=tlvs, metadata=metadata, body=body))
    opened = envelope.unpack(raw)
    assert (opened.kind, opened.mid, opened.seq, opened.ttl) == (kind, mid, seq, ttl)
    assert (opened.tlvs, opened.metadata, opened.body) == (tlvs, metadata, body)
    assert envelope.is_envelope(raw)


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_with_one_error(raw: bytes) -> None:
    for payload in (raw, b"\xe7\x01" + raw, b"\xe7\x01\x00\x01\x00\x00" + raw):
        with contextlib.suppress(EnvelopeFault):
            envelope.unpack(payload)


@given(st.integers(0, len(GOOD) * 8 - 1))
def test_a_flipped_bit_opens_or_is_refused_with_one_error(bit: int) -> None:
    changed = bytearray(GOOD)
    changed[bit // 8] ^= 1 << bit % 8
    with contextlib.suppress(EnvelopeFault):
        envelope.unpack(bytes(changed))


@pytest.mark.parametrize("end", range(len(GOOD) - len(b"body")))
def test_an_envelope_cut_off_before_its_body_is_refused(end: int) -> None:
    with pytest.raises(EnvelopeFault):
        envelope.unpack(GOOD[:end])


@pytest.mark.parametrize(
    ("at", "value", "why"),
    [
        (0, 0xE8, "version"),
        (1, 0, "version"),
        (1, 2, "version"),
        (2, 0x01, "suite"),
        (2, 0x12, "suite"),
        (3, 0, "kind"),
        (3, 10, "kind"),
        (4, 1, "reserved"),
        (5, 1, "reserved"),
        (6, 0xFF, "TLVs"),
        (52, 0, "out of order"),
        (52, 11, "critical"),
        (61, 4, "out of order"),
        (54, 200, "too long"),
    ],
)
def test_what_this_version_does_not_know_is_refused(at: int, value: int, why: str) -> None:
    changed = bytearray(GOOD)
    changed[at] = value
    with pytest.raises(EnvelopeFault, match=why):
        envelope.unpack(bytes(changed))


def test_a_tlv_that_is_not_critical_is_skipped() -> None:
    raw = envelope.pack(Envelope(Kind.EVENT, bytes(16), tlvs={1: b"x", 0x90: b"new"}))
    assert envelope.unpack(raw).tlvs == {1: b"x"}


def test_text_that_is_not_utf_8_is_refused_when_it_is_read() -> None:
    opened = envelope.unpack(envelope.pack(Envelope(Kind.EVENT, bytes(16), tlvs={1: b"\xff"})))
    with pytest.raises(EnvelopeFault):
        opened.text(envelope.CONTENT_TYPE)
    assert opened.text(envelope.SCHEMA) is None


@pytest.mark.parametrize("payload", [b"", b"\xe7", b"{}", "ç".encode(), "緑".encode(), b"\xe7\x80"])
def test_text_is_never_taken_for_an_envelope(payload: bytes) -> None:
    assert not envelope.is_envelope(payload)
