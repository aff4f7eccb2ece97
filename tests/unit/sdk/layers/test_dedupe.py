"""A repeated call is answered with the first one's outcome: which outcomes are kept, for whom, and for how long."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from crossply.errors import CallError, Code, DeadlineExceeded, EndpointFailed, Executed, InvalidArgument, Unavailable
from crossply.handler import Facts, Handler, Peer, Request, Response
from crossply.layers.dedupe import dedupe
from crossply.protection.replies import Replies
from crossply.testing import MemoryBroker, Script
from tests.unit.sdk.stage import link, now, request, settle

FACTS = Facts(idempotent=True, kept=True)
WEB, APP = Peer("web", "aaaaaaaaaaaa"), Peer("app", "bbbbbbbbbbbb")


def wall() -> int:
    """Return the loop's time as unix nanoseconds."""
    return round(now() * 1e9)


async def instance(broker: MemoryBroker, inner: Handler, name: str = "cccccccccccc") -> Handler:
    """Return one instance's stack over the store that all instances share."""
    replies = Replies((await link(broker, "orders", name)).replies, now, wall)
    return dedupe(replies, FACTS).wrap(inner)


def repeated(
    body: bytes = b"one", key: str | None = "k", peer: Peer = WEB, within: float = 2.0, **fields: Any
) -> Request:
    return request(body=body, idempotency_key=key, peer=peer, deadline=now() + within, **fields)


async def test_a_repetition_at_another_instance_finds_the_first_reply(broker: MemoryBroker) -> None:
    first, second = Script([Response(b"made", metadata={"a": "b"})]), Script()
    one, other = await instance(broker, first), await instance(broker, second, "dddddddddddd")
    await one(repeated())
    answer = await other(repeated())
    assert (answer.body, answer.metadata, answer.facts) == (b"made", {"a": "b"}, FACTS)
    assert not second.seen


async def test_attempts_of_one_call_need_no_key(broker: MemoryBroker) -> None:
    script = Script([Response(b"made")])
    stack = await instance(broker, script)
    assert [(await stack(repeated(key=None, attempt=attempt))).body for attempt in (1, 2)] == [b"made", b"made"]
    assert len(script.seen) == 1


@pytest.mark.parametrize(
    "other",
    [{"key": "other"}, {"peer": APP}, {"operation": "orders.cancel"}],
    ids=["another key", "another caller", "another operation"],
)
async def test_what_is_no_repetition_runs(broker: MemoryBroker, other: dict[str, Any]) -> None:
    script = Script()
    stack = await instance(broker, script)
    await stack(repeated())
    await stack(repeated(**other))
    assert len(script.seen) == 2


async def test_a_key_that_looks_like_an_id_is_none(broker: MemoryBroker) -> None:
    script = Script()
    stack = await instance(broker, script)
    await stack(repeated(key=None))
    await stack(repeated(key=bytes(range(16)).hex()))
    assert len(script.seen) == 2


async def test_an_error_raised_on_purpose_is_an_outcome_too(broker: MemoryBroker) -> None:
    raised = EndpointFailed("no credit", code=Code.ABORTED, details=[("/sum", "too much")])
    script = Script([raised])
    stack = await instance(broker, script)
    for _ in range(2):
        with pytest.raises(EndpointFailed, match="no credit") as caught:
            await stack(repeated())
        assert (caught.value.code, caught.value.details) == (Code.ABORTED, (("/sum", "too much"),))
        assert caught.value.executed is Executed.YES
    assert len(script.seen) == 1


@pytest.mark.parametrize(
    "error",
    [EndpointFailed(""), InvalidArgument("wrong"), DeadlineExceeded("late"), ValueError("bug")],
    ids=lambda error: type(error).__name__,
)
async def test_what_is_no_outcome_may_run_again_at_once(broker: MemoryBroker, error: Exception) -> None:
    stack = await instance(broker, Script([error, Response(b"made")]))
    with pytest.raises(type(error)):
        await stack(repeated())
    began = now()
    assert (await stack(repeated())).body == b"made"
    assert now() == began


async def test_the_same_key_with_another_body_is_refused_and_nothing_runs(broker: MemoryBroker) -> None:
    script = Script()
    stack = await instance(broker, script)
    await stack(repeated())
    with pytest.raises(EndpointFailed, match="came with another body before") as caught:
        await stack(repeated(b"two"))
    assert (caught.value.code, caught.value.executed) == (Code.FAILED_PRECONDITION, Executed.NO)
    assert len(script.seen) == 1


async def test_a_repetition_waits_for_the_first_that_still_runs(broker: MemoryBroker) -> None:
    script = Script([0.5, Response(b"made")])
    one, other = await instance(broker, script), await instance(broker, Script(), "dddddddddddd")
    running = asyncio.ensure_future(one(repeated()))
    await settle()
    began = now()
    answer = await other(repeated())
    assert answer.body == b"made"
    assert 0.5 <= now() - began <= 0.8
    await running


async def test_a_repetition_that_cannot_wait_so_long_does_not_know_whether_it_ran(broker: MemoryBroker) -> None:
    one, other = await instance(broker, Script([5.0])), await instance(broker, Script(), "dddddddddddd")
    running = asyncio.ensure_future(one(repeated(within=10.0)))
    await settle()
    with pytest.raises(DeadlineExceeded) as caught:
        await other(repeated(within=0.3))
    assert caught.value.executed is Executed.MAYBE
    await running


async def test_the_claim_of_an_instance_that_crashed_is_void_after_the_deadline_of_its_call(
    broker: MemoryBroker,
) -> None:
    crashing = asyncio.ensure_future((await instance(broker, Script([60.0])))(repeated(within=1.0)))
    await settle()
    crashing.cancel()
    await asyncio.gather(crashing, return_exceptions=True)
    script = Script([Response(b"made")])
    other = await instance(broker, script, "dddddddddddd")
    began = now()
    assert (await other(repeated(within=10.0))).body == b"made"
    assert 1.0 <= now() - began <= 2.5
    assert len(script.seen) == 1


async def test_of_many_at_once_one_runs(broker: MemoryBroker) -> None:
    script = Script([0.1, Response(b"made")])
    stacks = [await instance(broker, script, f"{letter * 12}") for letter in "abcdefgh"]
    answers = await asyncio.gather(*(stack(repeated()) for stack in stacks))
    assert {answer.body for answer in answers} == {b"made"}
    assert len(script.seen) == 1


async def test_after_ten_minutes_it_runs_again(broker: MemoryBroker) -> None:
    script = Script()
    stack = await instance(broker, script)
    await stack(repeated())
    await asyncio.sleep(599.0)
    await stack(repeated())
    assert len(script.seen) == 1
    await asyncio.sleep(2.0)
    await stack(repeated())
    assert len(script.seen) == 2


async def test_without_its_store_a_call_is_refused_and_does_not_run(broker: MemoryBroker) -> None:
    script = Script()
    stack = await instance(broker, script)
    broker.stop()
    with pytest.raises(Unavailable, match="whether it ran before cannot be told") as caught:
        await stack(repeated())
    assert caught.value.executed is Executed.NO
    assert not script.seen


async def test_an_outcome_that_cannot_be_kept_is_told_all_the_same(broker: MemoryBroker) -> None:
    async def serving(_request: Request) -> Response:
        broker.stop()
        return Response(b"made")

    stack = await instance(broker, serving)
    assert (await stack(repeated())).body == b"made"


async def test_a_claim_that_comes_too_late_is_given_up(broker: MemoryBroker) -> None:
    script = Script()
    stack = await instance(broker, script)
    with pytest.raises(CallError) as caught:
        await stack(repeated(within=0.0))
    assert (caught.value.code, caught.value.executed) == (Code.DEADLINE_EXCEEDED, Executed.NO)
    await stack(repeated())
    assert len(script.seen) == 1
