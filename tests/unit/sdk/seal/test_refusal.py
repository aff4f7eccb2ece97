"""The one answer to what could not be opened."""

from __future__ import annotations

from crossply.handler import Kind
from crossply.seal.refusal import is_refusal, refusal
from crossply.wire import envelope, metadata
from tests.unit.sdk.seal.members import MID


def test_a_refusal_is_an_error_that_names_what_it_answers_and_says_nothing_else() -> None:
    parts = envelope.parts(refusal(MID))
    assert (parts.kind, parts.mid, parts.tlvs[envelope.IN_REPLY_TO], parts.body) == (Kind.ERROR, MID, MID, b"")
    failure = metadata.failure_of(metadata.unpack_reply(parts.metadata))
    assert failure.code == "unauthenticated"
    assert failure.rule is None
    assert failure.details == ()


def test_it_has_one_length_and_differs_by_the_id_alone() -> None:
    one, other = refusal(MID), refusal(bytes(16))
    assert len(one) == len(other)
    assert one.replace(MID, bytes(16)) == other


def test_it_is_told_from_anything_else() -> None:
    assert is_refusal(refusal(MID), MID)
    assert not is_refusal(refusal(MID), bytes(16))
    assert not is_refusal(refusal(MID)[:-1] + b"x", MID)
    assert not is_refusal(b"", MID)
