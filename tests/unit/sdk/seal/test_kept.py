"""What a service keeps where others could write: its instances read it, in its place, and nobody else makes any."""

from __future__ import annotations

import copy
import struct

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crossply.seal.epochs import OVERLAP, Epoch, Epochs
from crossply.seal.faults import NotOurs, Reason
from crossply.seal.kept import Keeper
from tests.unit.sdk.seal.members import NOW, Instance, Pair, kid_of, refused


@pytest.fixture
def pair() -> Pair:
    return Pair()


def keeper(pair: Pair, of: Instance) -> Keeper:
    return Keeper(of.ring, of.lineage, clock=pair.clock)


def test_every_instance_of_the_service_reads_it_and_it_does_not_stand_there(pair: Pair) -> None:
    sealed = keeper(pair, pair.callee).seal("a", b"the reply")
    sibling = pair.instance("orders", "m7q2mzp4x3ad", shared=pair.shared)
    assert [keeper(pair, each).open("a", sealed) for each in (pair.callee, sibling)] == [b"the reply"] * 2
    assert b"the reply" not in sealed
    assert keeper(pair, pair.callee).seal("a", b"the reply") != sealed


def test_it_is_sealed_as_the_protocol_says(pair: Pair) -> None:
    sealed = keeper(pair, pair.callee).seal("0a1b", b"the reply")
    begin, kid, salt = sealed[:3], sealed[3:11], sealed[11:43]
    assert (begin, kid) == (b"\xe7\x01\x41", kid_of(pair.shared))
    info = b"crossply-v1\0kept" + kid
    key = HKDF(hashes.SHA256(), 32, salt, info).derive(pair.shared.private_bytes_raw())
    identity = b"spiffe://mesh.test/t/acme/svc/orders"
    aad = b"crossply-v1\0kept" + sealed[:43] + struct.pack(">H", len(identity)) + identity + b"\0\x040a1b"
    assert AESGCM(key).decrypt(bytes(12), sealed[43:], aad) == b"the reply"


def test_no_bit_and_no_end_of_it_may_be_another_and_it_lies_in_its_place_only(pair: Pair) -> None:
    made = keeper(pair, pair.callee)
    sealed = made.seal("a", b"the reply")
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        assert refused(made.open, "a", bytes(changed)) in {Reason.FORGED, Reason.KEY_UNKNOWN, Reason.UNSUPPORTED}
    for end in range(len(sealed)):
        refused(made.open, "a", sealed[:end])
    assert refused(made.open, "a", sealed + b"\0") is Reason.FORGED
    assert refused(made.open, "b", sealed) is Reason.FORGED
    assert refused(made.open, "a", b"\x82\xa6digest\xa0") is Reason.UNSUPPORTED


def test_another_service_another_tenant_and_who_knows_the_public_key_alone_make_none(pair: Pair) -> None:
    made = keeper(pair, pair.callee)
    other = pair.instance("stock", "m7q2mzp4x3ae", shared=X25519PrivateKey.generate())
    assert refused(made.open, "a", keeper(pair, other).seal("a", b"a lie")) is Reason.KEY_UNKNOWN
    # Had it the very key, it still would be who it is.
    same = pair.instance("stock", "m7q2mzp4x3ae", shared=pair.shared)
    assert refused(made.open, "a", keeper(pair, same).seal("a", b"a lie")) is Reason.FORGED
    salt, kid = bytes(32), kid_of(pair.shared)
    guessed = HKDF(hashes.SHA256(), 32, salt, b"crossply-v1\0kept" + kid)
    key = guessed.derive(pair.shared.public_key().public_bytes_raw())
    clear = b"\xe7\x01\x41" + kid + salt
    assert refused(made.open, "a", clear + AESGCM(key).encrypt(bytes(12), b"a lie", b"")) is Reason.FORGED


def test_an_instances_own_key_is_not_one_to_keep_by(pair: Pair) -> None:
    caller = pair.caller  # it was given no key of its service
    assert refused(keeper(pair, caller).seal, "a", b"x") is Reason.KEY_UNKNOWN
    sealed = keeper(pair, pair.callee).seal("a", b"x")
    assert refused(keeper(pair, caller).open, "a", sealed) is Reason.KEY_UNKNOWN
    own = sealed[:3] + pair.callee.own.kid + sealed[11:]
    assert refused(keeper(pair, pair.callee).open, "a", own) is Reason.KEY_UNKNOWN


def test_it_is_read_over_a_change_of_the_key(pair: Pair) -> None:
    made, following = keeper(pair, pair.callee), X25519PrivateKey.generate()
    before = made.seal("a", b"before")
    epochs = [Epoch(0, kid_of(pair.shared), pair.shared), Epoch(NOW + 1000, kid_of(following), following)]
    pair.callee.ring.adopt(Epochs(epochs))
    pair.clock.now += 2000
    after = made.seal("a", b"after")
    assert after[3:11] == kid_of(following)
    assert [made.open("a", each) for each in (before, after)] == [b"before", b"after"]
    pair.clock.now = NOW + 1000 + OVERLAP
    assert refused(made.open, "a", before) is Reason.KEY_UNKNOWN


def test_every_value_has_a_key_of_its_own(pair: Pair) -> None:
    made = keeper(pair, pair.callee)
    salts = {made.seal("a", b"x")[11:43] for _ in range(500)}
    assert len(salts) == 500


def test_a_forked_child_and_a_copy_keep_nothing(pair: Pair) -> None:
    made = keeper(pair, pair.callee)
    with pytest.raises(TypeError, match="never copied"):
        copy.copy(made)
    pair.callee.lineage.sever()
    with pytest.raises(NotOurs):
        made.seal("a", b"x")
