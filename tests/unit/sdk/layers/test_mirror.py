"""Mirroring: a share of the calls is copied, and the calls do not notice."""

from __future__ import annotations

from crossply.handler import Request, Response
from crossply.layers.mirror import mirror
from crossply.testing import Script, chance
from tests.unit.sdk.stage import Always, request

ANSWER = Response(b"answer")


async def copies(percentage: float, calls: int) -> int:
    copied: list[Request] = []
    handler = mirror(percentage, copied.append, chance(5)).wrap(Script())
    for _ in range(calls):
        await handler(request())
    return len(copied)


async def test_the_call_goes_on_as_it_is() -> None:
    made, copied, script = request(), list[Request](), Script([ANSWER])
    assert await mirror(100, copied.append, Always()).wrap(script)(made) is ANSWER
    assert copied == [made]
    assert len(script.seen) == 1


async def test_a_share_of_the_calls_is_copied() -> None:
    assert 150 <= await copies(20, 1000) <= 250
    assert await copies(100, 100) == 100
