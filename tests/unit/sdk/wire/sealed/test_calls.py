"""A sealed call from the caller's side to the callee's, without a broker: what is introduced, refused, tried again."""

from __future__ import annotations

import pytest

from benchmarks.sides import Pair, a_request
from crossply.errors import Executed, IntegrityFailed, Unauthenticated
from crossply.seal.faults import NotOurs
from crossply.wire.sealed.link import SealedLink

Sent = list[tuple[bytes, bytes, bytes]]


@pytest.fixture
async def pair() -> Pair:
    return Pair(sealed=True)


@pytest.fixture
def sent(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Return what is sent, as it is sent: subject, payload, reply subject."""
    found: Sent = []
    send = pair.broker.send

    def noting(subject: bytes, payload: bytes, reply: bytes = b"", headers: bytes = b"") -> None:
        found.append((subject, payload, reply))
        send(subject, payload, reply, headers)

    monkeypatch.setattr(pair.broker, "send", noting)
    return found


def forget(link: SealedLink) -> None:
    """Have an instance forget whom it knows."""
    link.sealing.opener.sessions.clear()
    known = vars(link.sealing.keys.credentials)  # as 4,096 others would have it
    known["_by_raw"].clear()
    known["_by_cid"].clear()


async def test_credentials_travel_until_a_reply_has_opened(pair: Pair, sent: Sent) -> None:
    await pair.calls(3)
    requests, replies = sent[::2], sent[1::2]
    near, far = pair.near.sealing.keys.own.raw, pair.far.sealing.keys.own.raw
    assert [near in payload for _, payload, _ in requests] == [True, False, False]
    assert [far in payload for _, payload, _ in replies] == [True, False, False]


async def test_nothing_of_body_or_result_is_in_the_clear(pair: Pair, sent: Sent) -> None:
    await pair.calls(3)
    assert all(b"x" * 16 not in payload for _, payload, _ in sent)


async def test_requests_and_replies_that_are_like_the_one_before_are_compared(pair: Pair) -> None:
    first = await pair.call(a_request())
    second, third = await pair.call(a_request()), await pair.call(a_request())
    assert (first.body, first.content_type, first.facts) == (third.body, third.content_type, third.facts)
    assert second.peer is third.peer


async def test_a_call_that_may_run_twice_is_sent_again_at_once_to_who_forgot_its_sender(pair: Pair, sent: Sent) -> None:
    await pair.calls(2)
    forget(pair.far)
    sent.clear()
    request = a_request()
    request.idempotent = True
    assert (await pair.call(request)).body == request.body
    assert len(sent) == 4


async def test_any_other_call_fails_as_one_that_may_have_run_and_the_next_is_introduced(pair: Pair, sent: Sent) -> None:
    await pair.calls(2)
    forget(pair.far)
    sent.clear()
    with pytest.raises(Unauthenticated, match="could not be opened there") as refused:
        await pair.call(a_request())
    assert (refused.value.executed, len(sent)) == (Executed.MAYBE, 2)
    await pair.calls(1)


async def test_a_reply_in_the_clear_is_no_reply_to_a_sealed_call(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    send = pair.broker.send

    def answered(subject: bytes, payload: bytes, reply: bytes = b"", headers: bytes = b"") -> None:
        send(subject, payload if reply else b"\xe7\x01\x00\x02" + payload[4:], reply, headers)

    monkeypatch.setattr(pair.broker, "send", answered)
    with pytest.raises(IntegrityFailed):
        await pair.call(a_request())


async def test_keys_of_another_process_seal_nothing(pair: Pair, sent: Sent) -> None:
    await pair.calls(2)
    sent.clear()
    pair.near.sealing.keys.lineage.sever()  # as a forked child is told
    with pytest.raises(NotOurs, match="start the mesh after the fork"):
        await pair.call(a_request())
    assert sent == []
