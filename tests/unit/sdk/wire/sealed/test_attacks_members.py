"""A member seals wrongly on purpose, in the middle of what it seals well: the form of those before takes none of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crossply.handler import Kind, Request
from crossply.names import new_id
from crossply.seal import layout
from crossply.wire import envelope
from crossply.wire.envelope import tlv
from crossply.wire.sealed.link import SealedLink
from crossply.wire.sealed.message import request_block
from tests.unit.sdk.wire.sealed.colliding import OF_SPY, OF_WEB, SUBJECT, TRACE, World

Change = Callable[[bytes], bytes]
EMPTY = b"\0\0"


@pytest.fixture
def world() -> World:
    made = World()
    made.knows(made.web, made.spy)
    for _ in range(2):
        assert made.asked(made.sealed(made.spy, OF_SPY), OF_SPY) == "spy"
    assert len(made.forms) == 1
    return made


def sealed(
    world: World, *, block: Change = bytes, kind: Kind = Kind.REQUEST, ttl: int = 5000, content: bytes = EMPTY + b"x"
) -> bytes:
    """Seal a request of the spy's like those before, but for one thing; its tag is right whatever that is."""
    link: SealedLink = world.spy
    request = Request("orders.quote", b"", id=new_id(), traceparent=TRACE)
    made = block(request_block(vars(link)["_sender"], request, b"", OF_SPY + b"00000001"))
    sealer = link.sealing.sealer
    if not 0 < ttl <= layout.MAX_TTL:
        [session] = [each for to, each in sealer.sessions.items() if to == world.to]
        return session.seal(kind, SUBJECT, link.sealing.clock(), ttl, request.id, made, content)
    return sealer.seal_request(world.to, kind, SUBJECT, ttl, request.id, made, content)


def test_what_is_like_those_before_is_taken(world: World) -> None:
    assert world.asked(sealed(world), OF_SPY) == "spy"


def test_it_is_not_answered_at_anothers_inbox(world: World) -> None:
    elsewhere = sealed(world, block=lambda said: said.replace(OF_SPY, OF_WEB))
    assert world.asked(elsewhere, OF_WEB) == ""
    assert [to for to, _ in world.answers] == [OF_WEB + b"00000001"]
    assert world.answers[0][1].startswith(b"\xe7\x01\x00"), "a refusal, which says nothing"


@pytest.mark.parametrize("name", [b"quota", b"Quote", b"quot\0", b"q*ote"])
def test_it_names_no_other_endpoint_than_its_subject(world: World, name: bytes) -> None:
    assert world.asked(sealed(world, block=lambda said: said.replace(b"quote", name)), OF_SPY) == ""


def test_it_names_no_other_reply_subject_than_it_came_with(world: World) -> None:
    assert world.asked(sealed(world, block=lambda said: said[:-1] + b"2"), OF_SPY) == ""


@pytest.mark.parametrize("ttl", [0, layout.MAX_TTL + 1, 0xFFFFFFFF])
def test_it_has_a_deadline_and_not_any(world: World, ttl: int) -> None:
    assert world.asked(sealed(world, ttl=ttl), OF_SPY) == ""


@pytest.mark.parametrize("kind", [Kind.RESPONSE, Kind.ERROR, Kind.EVENT, Kind.PONG, Kind.ITEM])
def test_it_is_a_request_or_a_question(world: World, kind: Kind) -> None:
    assert world.asked(sealed(world, kind=kind), OF_SPY) == ""


def test_it_carries_no_credential_but_its_own(world: World) -> None:
    own, theirs = (link.sealing.keys.own.raw for link in (world.spy, world.web))
    before = tlv(envelope.OPERATION, b"quote")

    def carrying(raw: bytes) -> bytes:
        return sealed(world, block=lambda said: said.replace(before, before + tlv(envelope.CREDENTIAL, raw)))

    for _ in range(3):
        assert world.asked(carrying(own), OF_SPY) == "spy"
        assert world.asked(carrying(theirs), OF_SPY) == ""
    assert len(world.forms) == 2
