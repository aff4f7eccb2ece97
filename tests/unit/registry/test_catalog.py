"""The catalog: who said hello, who is silent, who is a stranger."""

from __future__ import annotations

import pytest

from crossply.discovery.catalog import GONE_AFTER
from crossply.tasks import Tasks
from crossply.wire.link import ConnectionEvent
from crossply.wire.presence import Bye, Heartbeat, Hello
from crossply_registry.catalog.catalog import Catalog, Full
from crossply_registry.catalog.watch import CatalogWatch
from tests.unit.registry.fakes import Clock, FakeLink


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def catalog(clock: Clock) -> Catalog:
    return Catalog(clock, most=3)


class Heard:
    """A watch over a fake link, its tasks run by hand."""

    def __init__(self, catalog: Catalog, clock: Clock) -> None:
        self.link = FakeLink()
        self.hellos: list[Hello] = []
        self.tasks = Tasks(lambda name, error: None)
        self.watch = CatalogWatch(self.link.as_link(), catalog, self.hellos.append, self.tasks, clock)


def test_a_hello_makes_an_instance_known_and_a_bye_forgets_it(catalog: Catalog) -> None:
    assert catalog.hear(Hello("orders", "aaaaaaaaaaaa"))
    assert [one.hello.instance for one in catalog.service("orders")] == ["aaaaaaaaaaaa"]
    assert catalog.hear(Bye("orders", "aaaaaaaaaaaa"))
    assert catalog.service("orders") == []


def test_a_heartbeat_brings_what_changes(catalog: Catalog, clock: Clock) -> None:
    catalog.hear(Hello("orders", "aaaaaaaaaaaa", version="1.2.3", zone="a"))
    clock.now += 4
    beat = Heartbeat("orders", "aaaaaaaaaaaa", "b", {"x": "y"}, generation=1, revision=7, applied=5.0, refused="no")
    assert catalog.hear(beat)
    (one,) = catalog.data_planes()
    assert (one.zone, one.labels, one.place, one.applied, one.refused) == ("b", {"x": "y"}, (1, 7), 5.0, "no")
    assert one.hello.version == "1.2.3"
    assert catalog.age(one) == 0


def test_a_stranger_s_heartbeat_is_not_taken_in(catalog: Catalog) -> None:
    assert not catalog.hear(Heartbeat("orders", "aaaaaaaaaaaa"))
    assert len(catalog) == 0


def test_whoever_missed_three_heartbeats_is_gone(catalog: Catalog, clock: Clock) -> None:
    catalog.hear(Hello("orders", "aaaaaaaaaaaa"))
    clock.now += GONE_AFTER / 2
    catalog.hear(Hello("orders", "bbbbbbbbbbbb"))
    clock.now += GONE_AFTER / 2 + 1
    assert [one.hello.instance for one in catalog.forget_silent()] == ["aaaaaaaaaaaa"]
    assert len(catalog) == 1


def test_registries_and_clients_are_not_listed(catalog: Catalog) -> None:
    for kind in ("registry", "client", "bridge"):
        catalog.hear(Hello(kind, "aaaaaaaaaaaa", kind=kind))
    assert [one.hello.service for one in catalog.data_planes()] == ["bridge"]


def test_a_full_catalog_takes_nobody_new_but_hears_who_is_in_it(catalog: Catalog) -> None:
    for name in ("a", "b", "c"):
        catalog.hear(Hello(name, "aaaaaaaaaaaa"))
    with pytest.raises(Full):
        catalog.hear(Hello("d", "aaaaaaaaaaaa"))
    assert catalog.hear(Hello("a", "aaaaaaaaaaaa", version="2.0.0"))


def test_a_hello_said_again_keeps_what_was_refused_of_the_same_revision(catalog: Catalog) -> None:
    catalog.hear(Hello("orders", "aaaaaaaaaaaa"))
    catalog.hear(Heartbeat("orders", "aaaaaaaaaaaa", revision=3, refused="cannot"))
    catalog.hear(Hello("orders", "aaaaaaaaaaaa", revision=3))
    assert catalog.data_planes()[0].refused == "cannot"
    catalog.hear(Hello("orders", "aaaaaaaaaaaa", revision=4))
    assert catalog.data_planes()[0].refused == ""


async def test_a_service_of_strangers_is_asked_once(catalog: Catalog, clock: Clock) -> None:
    heard = Heard(catalog, clock)
    for instance in ("aaaaaaaaaaaa", "bbbbbbbbbbbb"):
        heard.watch.heard(Heartbeat("orders", instance))
    await heard.tasks.drain(1.0)
    assert heard.link.asked == ["orders"]
    clock.now += 3
    heard.watch.heard(Heartbeat("orders", "aaaaaaaaaaaa"))
    await heard.tasks.drain(1.0)
    assert heard.link.asked == ["orders", "orders"]


async def test_hellos_are_passed_on_unless_the_catalog_is_full(catalog: Catalog, clock: Clock) -> None:
    heard = Heard(catalog, clock)
    for name in ("a", "b", "c", "d"):
        heard.watch.heard(Hello(name, "aaaaaaaaaaaa"))
    assert [hello.service for hello in heard.hellos] == ["a", "b", "c"]


async def test_silence_counts_only_while_the_broker_is_there(catalog: Catalog, clock: Clock) -> None:
    heard = Heard(catalog, clock)
    catalog.hear(Hello("orders", "aaaaaaaaaaaa"))
    heard.link.connected = False
    clock.now += 60
    heard.watch.forget_silent()
    assert len(catalog) == 1
    heard.link.connected = True
    heard.watch.connection(ConnectionEvent.RECONNECTED)
    heard.watch.forget_silent()
    assert len(catalog) == 1
    clock.now += GONE_AFTER + 1
    heard.watch.forget_silent()
    assert len(catalog) == 0


async def test_strangers_without_end_are_not_all_asked_about(clock: Clock) -> None:
    heard = Heard(Catalog(clock), clock)
    for number in range(1_000):
        heard.watch.heard(Heartbeat(f"s{number}", "aaaaaaaaaaaa"))
    await heard.tasks.drain(1.0)
    assert len(heard.link.asked) < 300
    clock.now += 3
    heard.watch.forget_silent()
    heard.watch.heard(Heartbeat("later", "aaaaaaaaaaaa"))
    await heard.tasks.drain(1.0)
    assert heard.link.asked[-1] == "later"


def test_an_instance_is_gone_for_the_registry_when_it_is_for_callers(catalog: Catalog, clock: Clock) -> None:
    catalog.hear(Hello("orders", "aaaaaaaaaaaa"))
    clock.now += GONE_AFTER - 0.1
    assert catalog.forget_silent() == []
    clock.now += 0.2
    assert len(catalog.forget_silent()) == 1
