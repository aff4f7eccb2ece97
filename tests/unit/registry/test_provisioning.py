"""Provisioning: what hellos declare is provided, again and again if need be, and blocks nobody."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from crossply.tasks import Tasks
from crossply.wire.link import ConnectionEvent
from crossply.wire.presence import EndpointHello, Hello
from crossply_registry.provisioning import Provisioning
from tests.unit.registry.fakes import Clock, FakeStreams, Pauses

HELLO = Hello("mailer", "aaaaaaaaaaaa", subscriptions=("orders.created", "orders.>"), publishes=("mails",))


class Bench:
    """Provisioning over fake streams."""

    def __init__(self) -> None:
        self.streams = FakeStreams()
        self.clock = Clock()
        self.pauses = Pauses()
        self.tasks = Tasks(lambda name, error: None)
        self.provisioning = Provisioning(self.streams, 3, self.tasks, self.clock, self.pauses)


async def test_streams_come_before_the_consumers_on_them() -> None:
    bench = Bench()
    bench.provisioning.declare(HELLO)
    assert await bench.provisioning.provide() == 0
    assert bench.streams.provided == ["mails", "orders", ("mailer", "orders.created"), ("mailer", "orders.>")]
    assert all(one.ready for one in [*bench.provisioning.streams(), *bench.provisioning.consumers()])


async def test_what_is_there_is_not_asked_for_again() -> None:
    bench = Bench()
    bench.provisioning.declare(HELLO)
    await bench.provisioning.provide()
    bench.streams.provided.clear()
    bench.provisioning.declare(HELLO)
    await bench.provisioning.provide()
    assert bench.streams.provided == []


async def test_a_hello_said_again_later_is_looked_after() -> None:
    bench = Bench()
    bench.provisioning.declare(HELLO)
    await bench.provisioning.provide()
    bench.streams.provided.clear()
    bench.clock.now += 2
    bench.provisioning.declare(HELLO)
    await bench.provisioning.provide()
    assert len(bench.streams.provided) == 4


async def test_everything_is_looked_after_when_the_broker_came_back() -> None:
    bench = Bench()
    bench.provisioning.declare(HELLO)
    await bench.provisioning.provide()
    bench.streams.provided.clear()
    bench.provisioning.connection(ConnectionEvent.RECONNECTED)
    await bench.provisioning.provide()
    assert len(bench.streams.provided) == 4


async def test_a_broker_that_is_not_ready_is_asked_again_until_it_is() -> None:
    bench = Bench()
    bench.streams.available = False
    bench.provisioning.declare(HELLO)
    bench.provisioning.start()
    while len(bench.pauses.lengths) < 8:
        await asyncio.sleep(0)
    assert bench.pauses.lengths[:3] == [0.25, 0.5, 1.0]
    assert max(bench.pauses.lengths) == 5.0
    assert not bench.provisioning.streams()[0].ready
    assert bench.provisioning.streams()[0].error == "no leader"
    bench.streams.available = True
    while not bench.provisioning.consumers()[-1].ready:
        await asyncio.sleep(0)
    await bench.tasks.aclose()
    assert bench.provisioning.streams()[0].error == ""


async def test_a_malformed_declaration_is_left_out_and_the_rest_provided() -> None:
    bench = Bench()
    hello = Hello("mailer", "aaaaaaaaaaaa", subscriptions=("*.all", "orders.created", "x"), publishes=("A b", "mails"))
    bench.provisioning.declare(hello)
    await bench.provisioning.provide()
    assert bench.streams.provided == ["mails", "orders", ("mailer", "orders.created")]


@pytest.mark.parametrize(
    "hello",
    [
        Hello("Bad Name", "aaaaaaaaaaaa", subscriptions=("orders.created",), publishes=("mails",)),
        Hello("mailer", "aaaaaaaaaaaa", subscriptions=("orders created",)),
        Hello("mailer", "aaaaaaaaaaaa", publishes=("orders.>",)),
    ],
)
async def test_a_malformed_name_is_refused_once_however_often_it_is_said(hello: Hello) -> None:
    bench = Bench()
    with capture_logs() as logs:
        for _ in range(3):
            bench.provisioning.declare(hello)
            assert await bench.provisioning.provide() == 0
            bench.clock.now += 2
    assert bench.streams.provided == []
    assert [log["event"] for log in logs] == ["declaration_refused"]
    assert logs[0]["service"] == hello.service
    assert logs[0]["reason"]


async def test_plans_are_bounded() -> None:
    bench = Bench()
    for number in range(9_000):
        bench.provisioning.declare(Hello(f"s{number}", "aaaaaaaaaaaa", publishes=(f"f{number}",)))
    assert len(bench.provisioning.streams()) == 8_192


async def test_a_service_has_a_bucket_of_kept_replies_when_an_endpoint_keeps_them() -> None:
    bench = Bench()
    plain = Hello("web", "aaaaaaaaaaaa", endpoints=(EndpointHello("show", idempotent=True),))
    bench.provisioning.declare(plain)
    await bench.provisioning.provide()
    assert bench.streams.provided == []
    bench.provisioning.declare(Hello("orders", "bbbbbbbbbbbb", endpoints=(EndpointHello("create", kept=True),)))
    await bench.provisioning.provide()
    assert bench.streams.provided == ["replies of orders"]
