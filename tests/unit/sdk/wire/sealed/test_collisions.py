"""Two credentials with one 64-bit id, forced: neither speaks for the other, whichever came first, in any message."""

from __future__ import annotations

import time

import pytest

from crossply.handler import Response
from crossply.wire.envelope import EnvelopeFault
from crossply.wire.sealed.forms import KEY
from crossply.wire.sealed.message import content
from tests.unit.sdk.wire.sealed.colliding import CID, OF_SPY, OF_WEB, SUBJECT, World
from tests.unit.sdk.wire.sealed.held import an_event, opens


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("first", ["web", "spy"])
def test_each_is_who_its_keys_say_though_their_messages_look_alike(world: World, first: str) -> None:
    places = {"web": (world.web, OF_WEB), "spy": (world.spy, OF_SPY)}
    for name in sorted(places, key=lambda each: each != first):
        world.knows(places[name][0])
    for _ in range(4):
        for name, (link, own) in places.items():
            assert world.asked(world.sealed(link, own), own) == name
    [key] = world.forms
    assert (key[8:16], len(key)) == (CID, KEY), "one form, by turns of the one and of the other"


def test_what_spy_seals_is_never_webs_nor_answered_at_webs_inbox(world: World) -> None:
    world.knows(world.web, world.spy)
    for _ in range(3):
        assert world.asked(world.sealed(world.web, OF_WEB), OF_WEB) == "web"
        assert world.asked(world.sealed(world.spy, OF_WEB), OF_WEB) == ""
    assert world.asked(world.sealed(world.spy, OF_WEB, introduced=True), OF_WEB) == ""


def test_where_spys_credential_was_never_seen_its_messages_open_nothing(world: World) -> None:
    world.knows(world.web)
    assert world.asked(world.sealed(world.spy, OF_SPY), OF_SPY) == ""
    assert world.asked(world.sealed(world.web, OF_WEB), OF_WEB) == "web"


def test_a_credential_that_is_shown_beside_anothers_seal_opens_nothing(world: World) -> None:
    world.knows(world.web, world.spy)
    theirs, own = world.web.sealing.keys.own.credential, world.spy.sealing.keys.own.credential
    payload = world.sealed(world.spy, OF_WEB, introduced=True)
    assert len(theirs) != len(own) or world.asked(payload.replace(own, theirs), OF_WEB) == ""
    assert world.asked(world.sealed(world.web, OF_WEB), OF_WEB) == "web"
    # In a session of its own that is known already.
    assert world.asked(world.sealed(world.spy, OF_SPY), OF_SPY) == "spy"
    object.__setattr__(world.spy.sealing.keys.own, "credential", theirs)
    assert world.asked(world.sealed(world.spy, OF_SPY, introduced=True), OF_SPY) == ""


def test_the_reply_goes_to_who_asked_and_opens_nowhere_else(world: World) -> None:
    world.knows(world.web, world.spy)
    payload, reply = world.sealed(world.web, OF_WEB), OF_WEB + b"00000001"
    request = world.server.open(world.forms, "orders.quote", SUBJECT, reply, payload, time.monotonic())
    assert request is not None
    answer = world.server.pack({}, request, reply, Response(b"an answer"))
    assert content("reply", b"", b"an answer", 0)[2:] not in answer
    with pytest.raises(EnvelopeFault):
        world.spy.sealing.opener.unseal_reply(answer, reply, world.to, request.id)
    world.web.sealing.keys.credentials.learn(world.orders.sealing.keys.own.raw)
    assert world.web.sealing.opener.unseal_reply(answer, reply, world.to, request.id).strict


@pytest.mark.parametrize("first", ["web", "spy"])
def test_an_event_is_of_who_signed_it(world: World, first: str) -> None:
    links = {"web": world.web, "spy": world.spy}
    for name in sorted(links, key=lambda each: each != first):
        payload = links[name].events.pack(an_event())
        request = world.orders.events.open(payload, "orders.created", time.time(), time.monotonic())
        assert request.peer is not None
        assert request.peer.service == name
        # Its session is known by now: another's credential in it is refused.
        other = links["web" if name == "spy" else "spy"].sealing.keys.own.credential
        assert not opens(world.orders, payload.replace(links[name].sealing.keys.own.credential, other))


def test_an_event_in_anothers_session_is_refused_though_the_ids_are_the_same(world: World) -> None:
    payload, forged = world.web.events.pack(an_event()), world.spy.events.pack(an_event())
    assert opens(world.orders, payload)
    # Its session's salt is put in the place of spy's: cid, kid and enc are those of web's session.
    assert not opens(world.orders, forged[:24] + payload[24:56] + forged[56:])
