"""The catalog: who is there, who is gone, and what it means that nobody listens."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from crossply.discovery.catalog import STRANGERS, Catalog
from crossply.errors import NotFound, Overloaded, Unavailable
from crossply.routing.instances import Callee
from crossply.tasks import Tasks
from crossply.testing import MemoryBroker, MemoryLink
from crossply.wire.link import Link
from crossply.wire.presence import Bye, EndpointHello, Heartbeat, Hello
from tests.unit.sdk.stage import Always, link, now, settle


async def catalog_of(broker: MemoryBroker) -> tuple[Catalog, MemoryLink]:
    made = await link(broker)
    tasks = Tasks(lambda name, error: pytest.fail(f"{name}: {error!r}"))
    catalog = Catalog(made, "aaaaaaaaaaaa", tasks, now, Always(1.0))
    catalog.callee("orders")  # what this process calls
    return catalog, made


def hello(instance: str, *endpoints: str, service: str = "orders") -> Hello:
    return Hello(service, instance, endpoints=tuple(EndpointHello(name, idempotent=True) for name in endpoints))


async def waiting(catalog: Catalog, callee: Callee, deadline: float, tries: list[int] | None = None) -> None:
    """Ask again and again, as the balancer does, until the catalog gives up."""
    began = now()
    for absences in itertools.count():
        await catalog.nobody(callee, "create", began, deadline, absences)
        if tries is not None:
            tries.append(absences)


async def ended(catalog: Catalog, made: Link) -> None:
    await catalog.aclose()
    await made.aclose()


async def test_hello_heartbeat_and_bye_are_taken(broker: MemoryBroker) -> None:
    catalog, made = await catalog_of(broker)
    catalog.hear(hello("i1", "create"))
    catalog.hear(Heartbeat("orders", "i1", zone="eu-1a"))
    callee = catalog.callee("orders")
    assert callee.instances["i1"].zone == "eu-1a"
    assert callee.facts["create"].idempotent
    catalog.hear(Bye("orders", "i1"))
    assert callee.instances == {}
    await ended(catalog, made)


async def test_an_instance_that_missed_three_heartbeats_is_gone(broker: MemoryBroker) -> None:
    catalog, made = await catalog_of(broker)
    catalog.hear(hello("i1", "create"))
    await asyncio.sleep(17.0)
    catalog.hear(Heartbeat("orders", "i1"))
    await asyncio.sleep(17.0)
    await catalog.sweep()
    assert "i1" in catalog.callee("orders").instances
    await asyncio.sleep(2.0)
    await catalog.sweep()
    assert catalog.callee("orders").instances == {}
    await ended(catalog, made)


async def test_a_service_never_seen_is_not_found_after_250_ms_and_at_once_during_a_second(
    broker: MemoryBroker,
) -> None:
    catalog, made = await catalog_of(broker)
    callee = catalog.callee("nobody")
    began = now()
    with pytest.raises(NotFound):
        await catalog.nobody(callee, "create", began, began + 5, 0)
    assert now() - began == pytest.approx(0.25)
    again = now()
    with pytest.raises(NotFound):
        await catalog.nobody(callee, "create", again, again + 5, 0)
    assert now() == again
    await ended(catalog, made)


async def test_a_service_seen_lately_is_waited_for_two_seconds(broker: MemoryBroker) -> None:
    catalog, made = await catalog_of(broker)
    catalog.hear(hello("i1", "create"))
    catalog.hear(Bye("orders", "i1"))
    callee = catalog.callee("orders")
    began, tries = now(), list[int]()
    with pytest.raises(Unavailable):
        await waiting(catalog, callee, began + 5, tries)
    assert 1.7 <= now() - began <= 2.0
    assert len(tries) > 5
    await ended(catalog, made)


async def test_the_wait_ends_with_the_deadline(broker: MemoryBroker) -> None:
    catalog, made = await catalog_of(broker)
    catalog.hear(hello("i1", "create"))
    catalog.hear(Bye("orders", "i1"))
    began = now()
    with pytest.raises(Unavailable):
        await waiting(catalog, catalog.callee("orders"), began + 0.3)
    assert now() - began <= 0.3
    await ended(catalog, made)


async def test_an_endpoint_that_nobody_offers_is_not_found_and_the_others_are_named(broker: MemoryBroker) -> None:
    catalog, made = await catalog_of(broker)
    catalog.hear(hello("i1", "create", "quote"))
    with pytest.raises(NotFound, match="create, quote"):
        await catalog.nobody(catalog.callee("orders"), "delete", now(), now() + 5, 0)
    await ended(catalog, made)


async def test_whoever_answers_who_ends_the_wait(broker: MemoryBroker) -> None:
    catalog, made = await catalog_of(broker)
    other = await link(broker, "orders", "bbbbbbbbbbbb")
    answering = await other.answer_who(lambda: hello("bbbbbbbbbbbb", "create"))
    began = now()
    await catalog.nobody(catalog.callee("orders"), "create", began, began + 5, 0)
    assert now() - began < 0.25
    assert "bbbbbbbbbbbb" in catalog.callee("orders").instances
    await answering.aclose()
    await other.aclose()
    await ended(catalog, made)


async def test_services_that_nobody_answers_for_are_forgotten_and_bounded(broker: MemoryBroker) -> None:
    catalog, made = await catalog_of(broker)
    for number in range(STRANGERS):
        catalog.callee(f"s{number}")
    catalog.callee("one-more")
    with pytest.raises(Overloaded, match="too many"):
        await catalog.follow("one-more")
    await asyncio.sleep(11.0)
    assert len(await catalog.sweep()) == STRANGERS + 2
    await catalog.follow("one-more")
    await settle()
    await ended(catalog, made)


async def test_what_services_say_that_nobody_here_calls_is_not_kept(broker: MemoryBroker) -> None:
    catalog, made = await catalog_of(broker)
    for number in range(1000):
        catalog.hear(Bye(f"s{number}", "i1"))
        catalog.hear(hello("i1", "create", service=f"t{number}"))
    await catalog.follow("billing")  # there is room for it
    assert catalog.callee("billing").asked is not None
    await ended(catalog, made)


async def test_a_service_never_seen_is_waited_for_just_after_a_reconnect(broker: MemoryBroker) -> None:
    catalog, made = await catalog_of(broker)
    callee = catalog.callee("nobody")
    await catalog.ask_again()
    began = now()
    with pytest.raises(Unavailable):
        await waiting(catalog, callee, began + 1.0)
    await asyncio.sleep(2.0)
    with pytest.raises(NotFound):
        await catalog.nobody(callee, "create", now(), now() + 5, 0)
    await ended(catalog, made)


async def test_a_service_is_known_once_all_who_answer_have(broker: MemoryBroker) -> None:
    catalog, made = await catalog_of(broker)
    loop, began = asyncio.get_running_loop(), now()
    for number, after in enumerate((0.03, 0.05, 0.07, 0.2)):
        loop.call_later(after, catalog.hear, hello(f"i{number}", "create"))
    await catalog.acquaint("orders")
    assert set(catalog.callee("orders").instances) == {"i0", "i1", "i2"}
    assert now() - began == pytest.approx(0.12, abs=0.001)
    await asyncio.sleep(0.2)
    await ended(catalog, made)


async def test_a_service_that_nobody_answers_for_is_waited_for_no_longer_than_250_ms(broker: MemoryBroker) -> None:
    catalog, made = await catalog_of(broker)
    began = now()
    await catalog.acquaint("orders")
    assert now() - began == pytest.approx(0.25, abs=0.001)
    await ended(catalog, made)
