"""Waiting for a move, where the connection may not yet what policy allows."""

from __future__ import annotations

import asyncio

import pytest

from crossply.errors import DeadlineExceeded, Executed
from crossply.handler import Peer
from crossply.layers.move import move, move_to_answer
from crossply.routing.moves import Moves
from crossply.testing import Script
from tests.unit.sdk.stage import call, now, request, settle

WEB, SHOP = Peer("web", "aaaaaaaaaaaa"), Peer("shop", "bbbbbbbbbbbb")


def waiting(*, callers: frozenset[str] = frozenset()) -> Moves:
    moves = Moves()
    moves.begin(frozenset({"orders"}), callers, publishing=False)
    return moves


async def test_a_call_waits_for_the_move_asks_for_it_and_then_goes_on() -> None:
    moves, script = waiting(), Script()
    calling = asyncio.ensure_future(call(move(moves, now), script, request(deadline=now() + 5.0)))
    await settle()
    assert moves.wanted.is_set()
    assert not script.seen
    moves.end()
    await calling
    assert len(script.seen) == 1
    assert not moves.wanted.is_set()


async def test_a_call_that_may_not_wait_so_long_is_told_that_it_did_not_run() -> None:
    moves, script = waiting(), Script()
    with pytest.raises(DeadlineExceeded, match="did not follow in time") as caught:
        await call(move(moves, now), script, request(deadline=now() + 0.5))
    assert caught.value.executed is Executed.NO
    assert not script.seen


async def test_with_nothing_to_wait_for_a_call_goes_on_at_once() -> None:
    script = Script()
    await call(move(Moves(), now), script, request(deadline=now()))
    assert len(script.seen) == 1


async def test_only_callers_whose_replies_would_be_refused_wait() -> None:
    moves, script = waiting(callers=frozenset({"web"})), Script()
    layer = move_to_answer(moves, now)
    await call(layer, script, request(peer=SHOP, deadline=now() + 1.0))
    assert len(script.seen) == 1
    held = asyncio.ensure_future(call(layer, script, request(peer=WEB, deadline=now() + 1.0)))
    await settle()
    assert len(script.seen) == 1
    moves.end()
    await held
    assert len(script.seen) == 2


@pytest.mark.parametrize(("callee", "waits"), [("orders", True), ("stock", False)])
async def test_what_waits_is_known_by_service(callee: str, *, waits: bool) -> None:
    assert waiting().to(callee) is waits


async def test_whoever_may_call_everybody_waits_to_call_anybody() -> None:
    moves = Moves()
    moves.begin(frozenset({"*"}), frozenset(), publishing=True)
    assert moves.to("stock")
    assert moves.publishing
    moves.end()
    assert not moves.pending
