"""To whom a call is sealed, as documents say and as instances are known."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.vouched import keyring
from crossply.audit.audit import Audit
from crossply.errors import Executed, NoResponders, Unauthenticated
from crossply.handler import Kind, Peer
from crossply.seal.credentials import Recipient
from crossply.seal.faults import Reason, SealFault
from crossply.wire.envelope import EnvelopeFault
from crossply.wire.sealed.sealing import Sealing
from crossply_policy.security import Securities, SecuritySpec
from tests.support.vouched import Vouching

AUTHORITY = Ed25519PrivateKey.generate()
WEB, ORDERS = "k7q2mzp4x3ab", "m7q2mzp4x3ac"


def sealing(audit: Audit | None = None, **said: SecuritySpec) -> Sealing:
    """Return what an instance of web seals with, under documents by name."""
    made = Sealing(keyring(AUTHORITY, "web", WEB), "web", audit)
    made.adopt(Securities.of(said))
    return made


def met(made: Sealing) -> Recipient:
    """Have it hear of an instance of orders; return whom to seal to."""
    own = keyring(AUTHORITY, "orders", ORDERS).own
    member = made.keys.credentials.learn(own.raw)
    made.hear(member.peer, own.raw)
    return member.recipient


def test_a_call_is_sealed_to_the_instance_that_was_heard_of() -> None:
    made = sealing()
    assert met(made) == made.recipient("orders", ORDERS)


def test_where_nobody_can_open_it_nobody_is_there() -> None:
    made = sealing()
    for instance in (ORDERS, None):
        with pytest.raises(NoResponders, match="are not known here yet"):
            made.recipient("orders", instance)


def test_permissive_sends_unsealed_what_nobody_could_open_and_off_everything() -> None:
    permissive, off = (sealing(orders=SecuritySpec(encryption=word)) for word in ("permissive", "off"))
    assert permissive.recipient("orders", ORDERS) is None
    to = met(permissive)
    assert permissive.recipient("orders", ORDERS) == to
    met(off)
    assert off.recipient("orders", ORDERS) is None


def test_under_strict_replay_nothing_is_sealed_to_the_service() -> None:
    vouching = Vouching()
    for replay, found in (("bounded", True), ("strict", False)):
        made = Sealing(vouching.keys("web", WEB), "web")
        made.adopt(Securities.of({"orders": SecuritySpec(replay=replay)}))  # type: ignore[arg-type]  # of a Literal
        if found:
            assert made.recipient("orders", None) == vouching.keys("web", WEB).recipient("orders")
        else:
            with pytest.raises(NoResponders):
                made.recipient("orders", None)


def test_the_control_plane_is_reached_before_it_has_keys() -> None:
    assert [sealing().recipient(each, None) for each in ("authority", "registry")] == [None, None]


@pytest.mark.parametrize("raw", [None, b"", b"\xc7\x00no credential"])
def test_presence_without_a_credential_is_not_heard_of_under_strict_and_calls_say_why(raw: bytes | None) -> None:
    made = sealing()
    with pytest.raises(EnvelopeFault, match="orders/m7q2mzp4x3ac cannot be sealed to"):
        made.hear(Peer("orders", ORDERS), raw)
    with pytest.raises(Unauthenticated, match="no authority vouches for its instances") as refused:
        made.recipient("orders", ORDERS)
    assert refused.value.executed is Executed.NO
    met(made)
    assert made.recipient("orders", ORDERS) is not None


def test_presence_without_a_credential_is_heard_of_under_permissive() -> None:
    sealing(orders=SecuritySpec(encryption="permissive")).hear(Peer("orders", ORDERS), None)


def test_an_instance_that_has_left_is_sealed_nothing() -> None:
    made = sealing()
    met(made)
    own = keyring(AUTHORITY, "orders", ORDERS).own
    made.hear(Peer("orders", ORDERS), own.raw, leaving=True)
    with pytest.raises(NoResponders):
        made.recipient("orders", ORDERS)


@pytest.mark.parametrize(
    ("word", "again"), [({"started": 2.0}, True), ({"started": 1.0}, False), ({}, False), ({"leaving": True}, True)]
)
def test_to_an_instance_that_began_anew_with_the_same_keys_one_introduces_oneself_again(
    word: dict[str, Any], again: bool
) -> None:
    made = sealing()
    own = keyring(AUTHORITY, "orders", ORDERS).own
    to = made.keys.credentials.learn(own.raw).recipient
    made.hear(Peer("orders", ORDERS), own.raw, started=1.0)
    made.sealer.seal_request(to, Kind.REQUEST, b"s", 1000, bytes(16), b"", b"")
    made.sealer.introduced(to)
    assert made.sealer.introduction(to) == b""

    made.hear(Peer("orders", ORDERS), own.raw, **word)
    assert bool(made.sealer.introduction(to)) is again


def test_who_asks_is_told_when_the_answer_may_be_another() -> None:
    made, told = sealing(), list[str]()
    made.on_change(lambda: told.append("changed"))
    met(made)
    made.adopt(Securities())
    assert told == ["changed"]
    made.adopt(Securities.of({"orders": SecuritySpec(encryption="off")}))
    assert told == ["changed"] * 2


def test_the_own_document_says_what_is_taken() -> None:
    assert (sealing().encryption, sealing().addressed) == ("strict", False)
    made = sealing(mesh=SecuritySpec(encryption="off"), web=SecuritySpec(encryption="permissive", replay="strict"))
    assert (made.encryption, made.addressed) == ("permissive", True)


def test_why_a_message_was_not_opened_is_told_with_who_sent_it_if_that_is_known() -> None:
    audit = Audit()
    made = sealing(audit)
    member = made.keys.credentials.learn(keyring(AUTHORITY, "orders", ORDERS).own.raw)
    made.tell("web.show", SealFault(Reason.REPLAYED, "again"), member)
    made.tell("web.show", EnvelopeFault("what is it"))
    told = [(each.outcome, each.caller, each.instance, each.operation, each.reason) for each in audit.take(9)]
    assert told == [
        ("unopened", "orders", ORDERS, "web.show", "replayed"),
        ("unopened", "", "", "web.show", "malformed"),
    ]


def test_documents_that_say_nothing_of_this_service_leave_it_strict() -> None:
    made = sealing(billing=SecuritySpec(encryption="off"), mesh=SecuritySpec(replay="strict"))
    assert (made.encryption, made.addressed) == ("strict", True)
    assert (made.toward("orders"), made.toward("billing")) == ("strict", "off")
