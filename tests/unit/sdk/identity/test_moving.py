"""When a connection moves: as often as it takes until the broker allows what policy says, and not otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from crossply.clock import chance
from crossply.identity.moving import SETTLED, SPREAD, Moving, Wanted
from crossply.identity.place import Place
from crossply.routing.moves import Moves
from crossply.tasks import Tasks
from crossply.wire.allow_list import AllowList
from crossply.wire.renewals import Renewals
from crossply_policy.access.decision import Caller
from crossply_policy.access.rules import Access, compile_access
from crossply_policy.parse import parse

IDENTITY = "spiffe://mesh.local/t/default/svc/web"


def allowing(*callees: str) -> Access:
    spec = {"effect": "allow", "from": ["web"], "to": [{"service": each} for each in callees]}
    return compile_access([parse({"kind": "Access", "name": "web", "spec": spec})] if callees else [])


class Stage:
    """A connection that was let in by some policy, and is by the authority's newest whenever it moves."""

    def __init__(self) -> None:
        self.tasks = Tasks(lambda name, error: pytest.fail(f"{name}: {error!r}"))
        self.moves, self.went_on, self.moved = Moves(), 0, list[float]()
        self.wanted = Wanted(Caller(service="web", identity=IDENTITY), "aaaaaaaaaaaa", "default", ())
        self.authority = Access()
        self.held: AllowList | None = self.wanted.by(Access())[1]
        self.renewals = Renewals()
        self.renewals.on_renewal(self._move)
        self.renewals.on_question(self._allowed)
        nothing: Any = None
        place = Place(
            link=nothing,
            tenant="default",
            bar=nothing,
            ask=nothing,
            needs=(),
            moves=self.moves,
            moved=self._went_on,
            tasks=self.tasks,
        )
        self.moving = Moving(self.wanted, self.renewals, place, chance(1))

    def _move(self) -> None:
        self.moved.append(asyncio.get_running_loop().time())
        if self.held is not None:
            self.held = self.wanted.by(self.authority)[1]

    async def _allowed(self) -> AllowList | None:
        return self.held

    def _went_on(self) -> None:
        self.went_on += 1


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    yield made
    await made.tasks.aclose()


async def test_what_the_broker_allows_already_moves_nothing(stage: Stage) -> None:
    stage.moving.adopt(Access())
    await asyncio.sleep(10.0)
    assert stage.moved == []


async def test_a_change_moves_once_within_two_seconds_and_what_waited_goes_on(stage: Stage) -> None:
    stage.moving.adopt(Access())
    began = asyncio.get_running_loop().time()
    stage.authority = allowing("orders")
    stage.moving.adopt(stage.authority)
    assert stage.moves.to("orders")
    await asyncio.sleep(10.0)
    assert [SETTLED <= moment - began <= SPREAD for moment in stage.moved] == [True]
    assert not stage.moves.pending
    assert stage.went_on == 1


async def test_whoever_waits_has_the_move_made_at_once(stage: Stage) -> None:
    stage.moving.adopt(Access())
    began = asyncio.get_running_loop().time()
    stage.authority = allowing("orders")
    stage.moving.adopt(stage.authority)
    stage.moves.wanted.set()
    await asyncio.sleep(10.0)
    assert stage.moved == [pytest.approx(began + SETTLED)]


async def test_policy_that_changes_nothing_for_this_connection_moves_nothing(stage: Stage) -> None:
    stage.moving.adopt(Access())
    spec = {"effect": "allow", "from": ["shop"], "to": [{"service": "orders"}]}
    stage.moving.adopt(compile_access([parse({"kind": "Access", "name": "shop", "spec": spec})]))
    await asyncio.sleep(10.0)
    assert stage.moved == []


async def test_less_is_moved_for_as_well_and_nobody_waits_for_it(stage: Stage) -> None:
    stage.authority = allowing("orders")
    stage.held = stage.wanted.by(stage.authority)[1]
    stage.moving.adopt(stage.authority)
    await asyncio.sleep(1.0)
    stage.authority = Access()
    stage.moving.adopt(stage.authority)
    assert not stage.moves.pending
    await asyncio.sleep(10.0)
    assert len(stage.moved) == 1


async def test_where_the_authority_lags_it_moves_again_with_longer_pauses(stage: Stage) -> None:
    stage.moving.adopt(Access())
    stage.moving.adopt(allowing("orders"))
    await asyncio.sleep(4.5)
    first = len(stage.moved)
    assert not stage.moves.pending, "who waits for an authority that decides otherwise waits in vain"
    await asyncio.sleep(60.0)
    assert first < len(stage.moved) < 10
    stage.authority = allowing("orders")
    await asyncio.sleep(130.0)
    settled = len(stage.moved)
    await asyncio.sleep(600.0)
    assert len(stage.moved) == settled


async def test_a_broker_that_allows_everything_or_says_nothing_is_left_alone(stage: Stage) -> None:
    stage.held = None
    stage.moving.adopt(Access())
    stage.moving.adopt(allowing("orders"))
    await asyncio.sleep(10.0)
    assert stage.moved == []
    assert not stage.moves.pending
