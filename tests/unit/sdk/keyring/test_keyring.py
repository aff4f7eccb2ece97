"""A process's keyring: believes the authority alone, never goes back, and knows what to seal to at each time."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

from crossply.keyring import contents, signed
from crossply.keyring.contents import Changed, KeySet
from crossply.keyring.signed import KeyFault
from crossply.seal.epochs import OVERLAP
from crossply.seal.group import Group
from crossply.seal.holder import Holder
from tests.unit.sdk.keyring.ring import HOUR, NOW, Feeding, key_set
from tests.unit.sdk.seal.members import Authority

NOT_OURS = "was not signed by the authority|is by an authority that is not known"


def test_calls_are_sealed_to_the_newest_epoch_that_has_begun() -> None:
    feeding = Feeding()
    assert feeding.ring.recipient("web") is None
    feeding.ring.learn("web", feeding.public("web", key_set(1, NOW - HOUR, NOW + HOUR)))
    first = feeding.ring.recipient("web")
    assert first is not None
    assert (first.identity, first.instance) == ("spiffe://mesh.test/t/acme/svc/web", "")
    feeding.clock.now += HOUR - 1
    assert feeding.ring.recipient("web") == first
    feeding.clock.now += 60_001
    assert feeding.ring.recipient("web") != first
    feeding.ring.forget("web")
    assert feeding.ring.recipient("web") is None


def test_a_short_epochs_senders_change_over_within_a_small_part_of_it() -> None:
    feeding = Feeding()
    feeding.ring.learn("web", feeding.public("web", key_set(1, NOW, NOW + 1_600)))
    first = feeding.ring.recipient("web")
    feeding.clock.now += 1_600 + 100
    assert feeding.ring.recipient("web") != first


def test_what_the_authority_did_not_sign_for_that_service_is_refused_and_says_why() -> None:
    feeding = Feeding()
    other = Feeding()
    keys = key_set(1, NOW)
    good = feeding.public("web", keys)
    for raw, why in (
        (other.public("web", keys), "is by an authority that is not known"),
        (good[:-1] + bytes((good[-1] ^ 1,)), NOT_OURS),
        (b"", "does not decode"),
        (feeding.public("stock", keys), "put in the place of spiffe://mesh.test/t/acme/svc/web"),
        (feeding.public("web", KeySet(1, ())), "has no key"),
        (feeding.changed(Changed(services={"web": 1})), NOT_OURS),
        (feeding.signed(signed.KEYS, b"\xc1"), "does not decode"),
    ):
        with pytest.raises(KeyFault, match=why):
            feeding.ring.learn("web", raw)
    assert feeding.ring.recipient("web") is None


def test_numbers_never_go_back_not_over_a_restart_either() -> None:
    feeding = Feeding()
    assert feeding.ring.learn("web", feeding.public("web", key_set(7, NOW)))
    assert not feeding.ring.learn("web", feeding.public("web", key_set(7, NOW)))
    assert feeding.ring.seen == {"web": 7}
    with pytest.raises(KeyFault, match="went back from 7 to 6"):
        feeding.ring.learn("web", feeding.public("web", key_set(6, NOW)))
    feeding.ring.forget("web")
    for ring in (feeding.ring, feeding.keyring(web=7)):
        with pytest.raises(KeyFault, match="went back from 7 to 6"):
            ring.learn("web", feeding.public("web", key_set(6, NOW)))
        assert ring.learn("web", feeding.public("web", key_set(8, NOW)))


def test_private_keys_open_what_is_sealed_to_the_service_from_before_they_begin_until_after_the_next() -> None:
    feeding = Feeding()
    feeding.ring.learn("orders", feeding.public("orders", key_set(1, NOW, NOW + HOUR)))
    to = feeding.ring.recipient("orders")
    assert to is not None
    assert feeding.ring.ring.find(to.kid, NOW) is None
    assert feeding.ring.adopt(feeding.bundle(key_set(1, NOW, NOW + HOUR)))
    assert not feeding.ring.adopt(feeding.bundle(key_set(1, NOW, NOW + HOUR)))
    assert feeding.ring.ring.find(to.kid, NOW + HOUR + OVERLAP - 1) is not None
    assert feeding.ring.ring.find(to.kid, NOW + HOUR + OVERLAP) is None


def test_keys_wrapped_for_another_process_by_somebody_else_or_older_ones_are_refused() -> None:
    feeding = Feeding()
    keys = key_set(5, NOW)
    sibling = feeding.authority.holder("orders", "m7q2mzp4x3ac")
    feeding.ring.adopt(feeding.bundle(keys, orders=key_set(5, NOW)))
    forger = Feeding(authority=Authority())
    for raw, why in (
        (feeding.bundle(keys, sibling), NOT_OURS),
        (forger.bundle(keys, feeding.own), NOT_OURS),
        (feeding.public("orders", keys), NOT_OURS),
        (feeding.bundle(key_set(4, NOW)), "private keys of the service: went back from 5 to 4"),
        (feeding.bundle(keys, orders=key_set(4, NOW)), r"keys of orders.>: went back from 5 to 4"),
        (feeding.bundle(KeySet(6, ())), "has no key"),
    ):
        with pytest.raises(KeyFault, match=why):
            feeding.ring.adopt(raw)
    assert feeding.ring.group("orders.created") is not None


def test_a_signature_of_the_authority_over_what_it_did_not_wrap_for_this_key_does_not_open() -> None:
    feeding = Feeding()
    closed = b"\0" * 80
    signature = feeding.sign(signed.label(signed.WRAPPED), feeding.own.digest + closed)
    with pytest.raises(KeyFault, match="do not open"):
        feeding.ring.adopt(signed.pack(feeding.kid, closed, signature))


def test_a_channel_has_the_keys_of_the_narrowest_pattern_and_those_not_given_are_none() -> None:
    feeding = Feeding()
    feeding.ring.adopt(feeding.bundle(key_set(1, NOW), orders=key_set(1, NOW)))
    group = feeding.ring.group("orders.created")
    assert isinstance(group, Group)
    assert group.signed
    assert feeding.ring.group("stock.moved") is None
    assert feeding.ring.group("orders.*") is group
    feeding.ring.adopt(feeding.bundle(key_set(1, NOW), stock=key_set(1, NOW)))
    assert feeding.ring.group("orders.created") is None
    assert feeding.ring.group("stock.moved") is not None


def test_a_renewal_reaches_ring_and_listeners() -> None:
    feeding = Feeding()
    heard: list[Holder] = []
    feeding.ring.on_renewal(heard.append)
    renewed = feeding.authority.holder("orders", "k7q2mzp4x3ab")
    feeding.ring.renew(renewed)
    assert heard == [renewed] == [feeding.ring.own]
    assert feeding.ring.ring.find(renewed.kid, NOW) == (renewed.kem, True)
    assert feeding.ring.ring.find(feeding.own.kid, NOW) == (feeding.own.kem, True)
    assert feeding.ring.adopt(feeding.bundle(key_set(1, NOW), renewed))


def test_what_has_no_successor_yet_is_told() -> None:
    feeding = Feeding()
    assert feeding.ring.outlived() == (True, [])
    feeding.ring.adopt(
        feeding.bundle(key_set(1, NOW - HOUR, NOW + HOUR), orders=key_set(1, NOW - HOUR, NOW + 2 * HOUR))
    )
    feeding.ring.learn("web", feeding.public("web", key_set(1, NOW - HOUR, NOW + 1)))
    assert feeding.ring.outlived() == (False, [])
    feeding.clock.now += 1
    assert feeding.ring.outlived() == (False, ["web"])
    feeding.clock.now += HOUR
    assert feeding.ring.outlived() == (True, ["web"])


def test_an_announcement_concerns_whoever_holds_something_older() -> None:
    feeding = Feeding()
    ring = feeding.ring
    assert ring.behind(Changed(services={"orders": 1}))
    assert not ring.behind(Changed(services={"web": 9}))
    ring.adopt(feeding.bundle(key_set(5, NOW), orders=key_set(5, NOW)))
    assert not ring.behind(Changed(services={"orders": 5}, groups={"orders.>": 5, "stock.>": 9}))
    assert ring.behind(Changed(services={"orders": 6}))
    assert ring.behind(Changed(groups={"orders.>": 6}))
    heard = ring.heard(feeding.changed(Changed(services={"web": 3})))
    assert heard.services == {"web": 3}
    assert ring.older("web", 3)
    ring.learn("web", feeding.public("web", key_set(3, NOW)))
    assert not ring.older("web", 3)
    with pytest.raises(KeyFault, match=NOT_OURS):
        ring.heard(feeding.signed(signed.KEYS, contents.encode(Changed())))


@pytest.mark.parametrize("repeat", [copy.copy, copy.deepcopy, pickle.dumps])
def test_it_is_never_copied(repeat: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match="never copied"):
        repeat(Feeding().ring)


def test_a_forked_child_opens_nothing() -> None:
    feeding = Feeding()
    feeding.ring.adopt(feeding.bundle(key_set(1, NOW)))
    feeding.ring.lineage.sever()
    assert feeding.ring.ring.find(feeding.own.kid, NOW) is None
