"""Work that begins at once: its result when it ends without waiting, what is left of it when it waits."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from crossply.wire.prompt import Rest, begin

SAID: ContextVar[str] = ContextVar("said", default="nothing")


async def ends(result: str) -> str:
    SAID.set(result)
    return result


async def waits_for(future: asyncio.Future[str]) -> str:
    SAID.set("waiting")
    try:
        return f"got {await future}, {SAID.get()}"
    except ValueError as error:
        await asyncio.sleep(0)
        return f"caught {error}"
    finally:
        SAID.set("done")


def test_work_that_does_not_wait_gives_its_result_without_a_loop() -> None:
    assert begin(ends("at once")) == "at once"


def test_what_it_raises_is_raised() -> None:
    async def raises() -> None:
        raise KeyError("it")

    with pytest.raises(KeyError):
        begin(raises())


def test_each_begins_in_a_context_of_its_own() -> None:
    begin(ends("of the first"))
    assert SAID.get() == "nothing"


async def test_what_waits_goes_on_in_a_task_and_its_context() -> None:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    rest = begin(waits_for(future))
    assert isinstance(rest, Rest)

    async def go_on() -> str:
        return await rest

    task = asyncio.Task(go_on(), context=rest.context)
    await asyncio.sleep(0)
    future.set_result("it")
    assert await task == "got it, waiting"
    assert SAID.get() == "nothing"


async def test_a_failure_and_a_cancellation_reach_the_work() -> None:
    failing: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    cancelled: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    works = [begin(waits_for(failing)), begin(waits_for(cancelled))]

    async def go_on(rest: str | Rest[str]) -> str:
        assert isinstance(rest, Rest)
        return await rest

    tasks = [asyncio.Task(go_on(each), context=each.context if isinstance(each, Rest) else None) for each in works]
    await asyncio.sleep(0)
    failing.set_exception(ValueError("it"))
    tasks[1].cancel()
    assert await tasks[0] == "caught it"
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
    assert cancelled.cancelled()
