"""Which functions end in one turn of the loop, so that they need no task."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import pytest

from crossply.declared import Declared
from crossply.endpoint import never_waits


async def computes(number: int) -> int:
    with open("/dev/null", encoding="ascii"):  # noqa: PTH123 - it is not run
        return sum(each * 2 for each in range(number))


async def awaits() -> None:
    await asyncio.sleep(0)


async def enters(lock: asyncio.Lock) -> None:
    async with lock:
        pass


async def collects(items: Any) -> list[int]:
    return [each async for each in items]


def plain() -> None: ...


class Called:
    async def __call__(self) -> None: ...


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def around(number: int) -> Any:
        return await function(number)

    return around


def test_an_asynchronous_function_without_an_await_never_waits() -> None:
    assert never_waits(computes)


@pytest.mark.parametrize(
    "function", [awaits, enters, collects, plain, Called(), decorated(computes), functools.partial(computes, 1)]
)
def test_any_other_may_wait(function: Callable[..., Any]) -> None:
    assert not never_waits(function)


def test_an_endpoint_whose_replies_are_kept_is_not_prompt_as_they_are_looked_for_first() -> None:
    declared = Declared("orders")
    declared.endpoint(computes, "once", idempotent=False, idempotency="kv")
    declared.endpoint(computes, "often", idempotent=True)
    assert [declared.prompt(name) for name in ("once", "often")] == [False, True]
