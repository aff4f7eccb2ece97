"""Tokens of reply subjects that come again: what had one before ends nothing of what has it now."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from benchmarks.sides import Here, Pair, a_request
from crossply.handler import Request
from crossply.wire.link import Pong
from tests.unit.sdk.wire.sealed.test_calls import forget

Message = tuple[bytes, bytes, bytes, bytes]


class Held:
    """A caller and a callee who have met, and requests between them that arrive when the test says."""

    def __init__(self, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pair = pair
        self.requests: list[Message] = []
        self.replies: list[Message] = []
        monkeypatch.setattr(pair.broker, "send", self._send)

    def _send(self, subject: bytes, payload: bytes, reply: bytes = b"", headers: bytes = b"") -> None:
        if reply:
            self.requests.append((subject, payload, reply, headers))
        else:
            self.replies.append((subject, payload, reply, headers))
            Here.send(self.pair.broker, subject, payload, reply, headers)

    def arrive(self) -> None:
        """Have the oldest request arrive, and its reply."""
        Here.send(self.pair.broker, *self.requests.pop(0))

    async def ping(self, instance: str) -> Pong:
        """Ping as the vigil does."""
        caller = cast("Any", self.pair.call).__self__
        pong: Pong = await caller.ping("orders.quote", instance, 5.0)
        return pong


@pytest.fixture(params=[False, True], ids=["unsealed", "sealed"])
async def held(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Held:
    pair = Pair(sealed=request.param)
    await pair.calls(2)
    return Held(pair, monkeypatch)


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def instance_of(request: Request) -> str:
    assert request.instance is not None
    return request.instance


async def test_a_ping_that_was_answered_ends_no_ping_that_took_its_token(held: Held) -> None:
    instance = instance_of(a_request())
    ping = asyncio.ensure_future(held.ping(instance))
    await turns()
    following = asyncio.ensure_future(held.ping(instance))  # has its turn before the first one does
    [(_, _, token, _)] = held.requests
    held.arrive()
    await turns()
    assert await ping is Pong.ALIVE
    assert held.requests[0][2] == token
    held.arrive()
    await turns()
    assert following.done(), "its reply was dropped, and nothing ends it any more"
    assert await following is Pong.ALIVE


async def test_a_call_given_up_after_its_reply_came_ends_no_call_that_took_its_token(held: Held) -> None:
    request = a_request()
    given_up = asyncio.ensure_future(cast("Any", held.pair.call)(a_request()))
    await turns()
    calling = asyncio.ensure_future(cast("Any", held.pair.call)(request))
    held.arrive()
    given_up.cancel()
    await turns()
    assert given_up.cancelled()
    held.arrive()
    await turns()
    assert calling.done(), "its reply was dropped, and nothing ends it any more"
    assert (await calling).body == request.body


async def test_what_comes_twice_for_a_first_sending_is_no_answer_to_the_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = Held(Pair(sealed=True), monkeypatch)
    calling = asyncio.ensure_future(cast("Any", held.pair.call)(repeatable()))
    await turns()
    held.arrive()
    await calling
    forget(held.pair.far)
    request = repeatable()
    calling = asyncio.ensure_future(cast("Any", held.pair.call)(request))
    await turns()
    held.arrive()
    await turns()
    Here.send(held.pair.broker, *held.replies[-1])  # over the other connection of a hand-over
    await turns()
    assert not calling.done()
    held.arrive()
    assert (await calling).body == request.body


async def test_what_comes_twice_for_a_ping_is_no_answer_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(Pair(sealed=True), monkeypatch)
    calling = asyncio.ensure_future(cast("Any", held.pair.call)(repeatable()))
    await turns()
    held.arrive()
    await calling
    forget(held.pair.far)
    ping = asyncio.ensure_future(held.ping(instance_of(a_request())))
    await turns()
    held.arrive()
    await turns()
    Here.send(held.pair.broker, *held.replies[-1])
    await turns()
    held.arrive()
    assert await ping is Pong.ALIVE


def repeatable() -> Request:
    request = a_request()
    request.idempotent = True
    return request
