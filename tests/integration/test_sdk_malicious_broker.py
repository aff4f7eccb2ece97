"""A malicious broker between the members of a closed mesh: it can withhold, and nothing else that it does counts."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.support.authority_process import AuthorityProcess, initialised
from tests.support.betrayed_mesh import DOCUMENTS, SERVICES, Betrayed, connections
from tests.support.closed_broker import ClosedBroker
from tests.support.closed_mesh import Closed
from tests.support.lies import Denying, ForgedPresence
from tests.support.malice import (
    Again,
    ElsewhereToo,
    OneOf,
    Pairs,
    Sometimes,
    ToAnotherCall,
    contents_swapped,
    dropped,
    replies_swapped,
    subjects_swapped,
    the_later_first,
    twice,
)
from tests.support.malicious_broker import Malice, MaliciousBroker
from tests.support.waiting import eventually

SEED = 20261125
ROUNDS, MIXED = 4, 24


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Betrayed]:
    out = initialised(tmp_path / "mesh", *SERVICES)
    with ClosedBroker(out) as broker:
        async with AuthorityProcess(out, tmp_path / "authority", broker.url) as authority:
            await authority.ready()
            closed = Closed(broker, authority, out, tmp_path / "state")
            async with closed.registry(tmp_path / "registry") as registry, MaliciousBroker(closed) as between:
                await registry.ready()
                for document in DOCUMENTS:
                    await registry.allow(document)
                async with Betrayed(closed, between) as made:
                    await made.works_again()
                    yield made


MISDEEDS: dict[str, Callable[[Betrayed, random.Random], Malice]] = {
    "drops": lambda _mesh, _chance: dropped,
    "delivers twice": lambda _mesh, _chance: twice,
    "turns the order around": lambda _mesh, _chance: Pairs(the_later_first),
    "swaps subjects": lambda _mesh, _chance: Pairs(subjects_swapped),
    "swaps reply subjects": lambda _mesh, _chance: Pairs(replies_swapped),
    "swaps contents": lambda _mesh, _chance: Pairs(contents_swapped),
    "delivers elsewhere too": lambda mesh, chance: ElsewhereToo(mesh.broker.sessions, chance),
    "delivers again": lambda _mesh, chance: Again(chance),
    "hands replies to other calls": lambda _mesh, chance: ToAnotherCall(chance),
}


@pytest.mark.parametrize("name", MISDEEDS)
async def test_nothing_wrong_comes_of_a_broker_that_does_one_thing(mesh: Betrayed, name: str) -> None:
    chance = random.Random(f"{SEED} {name}")
    before = [connections(each) for each in mesh.members]
    mesh.broker.malice = malice = Sometimes(MISDEEDS[name](mesh, chance), chance)
    await mesh.speak(ROUNDS)
    await mesh.works_again()
    mesh.check()
    assert malice.done > 20
    assert [connections(each) for each in mesh.members] == before, "a member left its connection"
    print(
        "X",
        name,
        malice.done,
        mesh.right,
        dict(mesh.failed),
        dict(mesh.reasons()),
        sum(mesh.got.values()),
        len(mesh.got),
    )


async def test_nothing_wrong_comes_of_a_broker_that_does_all_of_it_at_once(mesh: Betrayed) -> None:
    chance = random.Random(SEED)
    several = [make(mesh, chance) for make in MISDEEDS.values()]
    mesh.broker.malice = malice = Sometimes(OneOf(several, chance), chance)
    await mesh.speak(MIXED)
    await mesh.works_again()
    failed = mesh.failed.copy()
    await mesh.speak(1)
    mesh.check()
    assert malice.done > 200
    assert mesh.right > 100
    assert failed
    assert mesh.failed == failed, "calls fail though the broker is honest again"


async def test_a_broker_that_lies_about_who_listens_has_calls_run_again_and_nothing_else_go_wrong(
    mesh: Betrayed,
) -> None:
    """As docs/security.md says: whether anybody listens, and what presence says of an endpoint, are its words."""
    mesh.broker.malice = Denying(mesh.broker)
    await mesh.speak(ROUNDS)
    mesh.broker.malice = presence = ForgedPresence(random.Random(SEED))
    for each in mesh.orders:
        mesh.broker.session("orders", each.instance).cut()
    await eventually(lambda: presence.forged >= 4, 15.0)
    await mesh.speak(ROUNDS)
    await mesh.works_again()
    mesh.check(once=False)
    assert mesh.most > 1
    assert mesh.right > 100
