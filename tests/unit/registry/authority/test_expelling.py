"""Which connections are ended, and when: over brokers that are asked, and a clock that jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from crossply.errors import Unavailable
from crossply.tasks import Tasks
from crossply.wire.system import Connected
from crossply_registry.authority.expelling import SWEEPS, Expelling, identities, revoked
from crossply_registry.authority.revocations import MOVING, Revocations
from crossply_registry.authority.state import State
from tests.unit.registry.authority.standing import KEK, Time
from tests.unit.registry.authority.test_issuer import chain
from tests.unit.registry.fakes import FakeStore, Pauses

ORDERS = "spiffe://mesh.local/t/default/svc/orders"


def connected(service: str, number: int = 1, age: float = 60.0, tenant: str = "default") -> Connected:
    return Connected("NBROKER", number, age, {"O": tenant, "OU": service, "SERIALNUMBER": "aaaaaaaaaaaa"})


@dataclass
class Brokers:
    """Who is connected, and who was ended."""

    here: list[Connected] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    asked: int = 0
    away: int = 0

    async def connections(self) -> list[Connected]:
        self.asked += 1
        if self.asked <= self.away:
            raise Unavailable("no broker answers")
        return list(self.here)

    async def end(self, connection: Connected) -> bool:
        self.here.remove(connection)
        self.ended.append(connection.number)
        return True

    async def aclose(self) -> None: ...


class Stage:
    """Revocations with what acts on them."""

    def __init__(self, brokers: Brokers) -> None:
        self.time = Time()
        self.revocations = Revocations(State(FakeStore(), KEK, Pauses()), chain().issuer, now=self.time)
        self.tasks = Tasks(lambda name, error: pytest.fail(f"{name}: {error!r}"))
        rule = revoked(self.revocations, identities("mesh.local"))
        self.past = 0.0
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.expelling = Expelling((rule,), self.tasks, self.time, self.pause)
        self.expelling.begin(brokers)
        self.rule = rule

    async def pause(self, seconds: float) -> None:
        self.past += seconds
        for moment, act in list(self.later):
            if moment <= self.past:
                self.later.remove((moment, act))
                act()
        await asyncio.sleep(0)

    async def change(self) -> None:
        self.expelling.changed()
        assert not await self.tasks.drain(5.0)


async def test_a_revoked_identity_is_ended_at_once_and_nobody_else() -> None:
    others = [connected("web", 2), connected("orders", 3, tenant="other"), Connected("NBROKER", 4, 1.0, {})]
    brokers, ended = Brokers([connected("orders", 1), *others]), list[int]()
    stage = Stage(brokers)
    await stage.revocations.bar(ORDERS, "stolen")
    stage.later.append((SWEEPS[1], lambda: ended.extend(brokers.ended)))
    await stage.change()
    assert ended == brokers.ended == [1]
    assert brokers.here == others


async def test_one_that_a_broker_took_meanwhile_is_ended_by_the_next_look() -> None:
    brokers = Brokers([connected("orders", 1)], away=1)
    stage = Stage(brokers)
    await stage.revocations.bar(ORDERS, "stolen")
    stage.later.append((SWEEPS[2], lambda: brokers.here.append(connected("orders", 2, age=0.1))))
    await stage.change()
    assert brokers.ended == [1, 2]
    assert brokers.asked == len(SWEEPS)


async def test_what_became_void_has_time_to_move_and_what_is_newer_stays() -> None:
    stage = Stage(Brokers())
    await stage.revocations.void(ORDERS, "rotated")
    assert stage.rule(connected("orders", age=60.0), stage.time()) == ""
    stage.time.seconds += MOVING + 1.0
    assert "issued anew" in stage.rule(connected("orders", age=60.0), stage.time())
    assert stage.rule(connected("orders", age=MOVING), stage.time()) == ""


async def test_a_restored_identity_keeps_its_new_connections() -> None:
    stage = Stage(Brokers())
    await stage.revocations.bar(ORDERS, "stolen")
    stage.time.seconds += 60.0
    await stage.revocations.restore(ORDERS)
    assert stage.rule(connected("orders", age=1.0), stage.time()) == ""
