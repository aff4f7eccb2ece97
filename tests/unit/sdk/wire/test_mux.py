"""The table of what waits for replies: whose a message on the inbox is, and which tokens are taken again."""

from __future__ import annotations

import math

import pytest

from crossply.errors import NoResponders
from crossply.wire.mux import Attempt, Mux

A, B = b"a" * 16, b"b" * 16
NOBODY = b"NATS/1.0 503\r\n\r\n"


@pytest.fixture
async def mux() -> Mux:
    return Mux("_INBOX.web.abcdefgh2345.", lambda: 10.0)


def opened(mux: Mux, of: bytes, *, first: bool = True) -> tuple[bytes, Attempt]:
    return mux.open("orders.quote", None, 10.0, math.inf, of, first=first)


def take(mux: Mux, token: bytes, data: bytes, headers: bytes = b"") -> None:
    mux.take(mux.prefix + token, b"", data, headers)


async def test_a_reply_ends_the_attempt_of_its_token(mux: Mux) -> None:
    token, attempt = opened(mux, A)
    take(mux, token, b"head" + A + b"body")
    assert attempt.reply.result() == (b"head" + A + b"body", b"")
    assert len(mux) == 0


async def test_the_token_of_an_answered_attempt_is_taken_again(mux: Mux) -> None:
    token, _ = opened(mux, A)
    take(mux, token, A)
    again, attempt = opened(mux, B)
    assert again == token
    take(mux, again, B)
    assert attempt.reply.result() == (B, b"")


@pytest.mark.parametrize("stale", [A + b" once more", b"plain", b"\xe7 a refusal of somebody else's message"])
async def test_what_does_not_name_an_attempt_is_none_to_it_where_its_token_was_anothers(mux: Mux, stale: bytes) -> None:
    token, _ = opened(mux, A)
    take(mux, token, A)
    again, attempt = opened(mux, B)
    take(mux, again, stale)
    assert not attempt.reply.done()
    take(mux, again, B)
    assert attempt.reply.result() == (B, b"")


async def test_at_a_token_that_nobody_had_whatever_comes_is_the_reply(mux: Mux) -> None:
    token, attempt = opened(mux, A)
    take(mux, token, b"plain")
    assert attempt.reply.result() == (b"plain", b"")
    assert opened(mux, B)[0] != token


async def test_that_nobody_listens_is_told_at_a_token_that_was_anothers_too(mux: Mux) -> None:
    token, _ = opened(mux, A)
    take(mux, token, A)
    again, attempt = opened(mux, B)
    take(mux, again, b"", NOBODY)
    with pytest.raises(NoResponders):
        attempt.reply.result()
    assert opened(mux, A)[0] != again, "it was not answered"


async def test_the_token_of_an_attempt_without_a_reply_is_not_taken_again(mux: Mux) -> None:
    token, attempt = opened(mux, A)
    mux.close(token, attempt)
    assert opened(mux, B)[0] != token


async def test_a_further_attempt_of_the_same_id_takes_no_token_again(mux: Mux) -> None:
    token, _ = opened(mux, A)
    take(mux, token, A)
    assert opened(mux, A, first=False)[0] != token


async def test_who_has_no_id_neither_takes_a_token_again_nor_leaves_one(mux: Mux) -> None:
    token, attempt = mux.open("$JS.API.INFO", None, 10.0, math.inf)
    take(mux, token, b"{}")
    assert attempt.reply.result() == (b"{}", b"")
    assert mux.open("$JS.API.INFO", None, 10.0, math.inf)[0] != token


async def test_no_more_tokens_are_kept_than_are_spare(mux: Mux) -> None:
    mux.spare = 1
    tokens = [opened(mux, A)[0] for _ in range(3)]
    for token in tokens:
        take(mux, token, A)
    again = [opened(mux, B)[0] for _ in range(3)]
    assert again[0] == tokens[0]
    assert not {*again[1:]} & {*tokens}


async def test_who_closes_late_ends_no_attempt_that_has_its_token_by_then(mux: Mux) -> None:
    token, answered = opened(mux, A)
    take(mux, token, A)
    again, attempt = opened(mux, B)
    assert again == token
    mux.close(token, answered)  # as a call does that was cancelled between its reply and its turn
    take(mux, again, B)
    assert attempt.reply.result() == (B, b"")


async def test_who_answered_one_call_has_not_seen_where_another_ones_answer_goes(mux: Mux) -> None:
    seen, _ = opened(mux, A)
    take(mux, seen, A)
    token, attempt = mux.open("payments.pay", None, 10.0, math.inf, B, first=True)
    guessed = {b"%x" % (int(seen, 16) + number) for number in range(-100, 100)}
    assert token not in guessed, "whoever knows it has only to say that nobody listens, and it is paid twice"
    for each in guessed:
        take(mux, each, b"", NOBODY)
    assert not attempt.reply.done()


async def test_tokens_of_operations_that_are_called_once_are_kept_within_bounds(mux: Mux) -> None:
    mux.spare = 8
    for number in range(100):
        token, _ = mux.open(f"orders.n{number}", None, 10.0, math.inf, A, first=True)
        take(mux, token, A)
        mux.open(f"orders.n{number}", None, 10.0, math.inf, B, first=True)
    assert len(vars(mux)["_free"]) <= mux.spare
