"""The private keys that open: an instance's own, renewed with an overlap, and its service's."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from crossply.seal.epochs import OVERLAP, Epoch, Epochs
from crossply.seal.ring import Ring
from tests.unit.sdk.seal.members import NOW, Authority, kid_of

AUTHORITY = Authority()


def test_its_own_key_is_strict_and_its_services_is_not() -> None:
    own, shared = AUTHORITY.holder("orders", "m7q2mzp4x3ac"), X25519PrivateKey.generate()
    ring = Ring(own, Epochs([Epoch(0, kid_of(shared), shared)]))
    assert ring.find(own.kid, NOW) == (own.kem, True)
    assert ring.find(kid_of(shared), NOW) == (shared, False)
    assert ring.find(bytes(8), NOW) is None


def test_keys_before_a_renewal_open_until_the_overlap_is_over() -> None:
    first, second, third = (AUTHORITY.holder("orders", "m7q2mzp4x3ac") for _ in range(3))
    ring = Ring(first)
    ring.renew(second, NOW)
    ring.renew(third, NOW + 1000)
    assert ring.find(first.kid, NOW + OVERLAP - 1) == (first.kem, True)
    assert ring.find(first.kid, NOW + OVERLAP) is None
    assert ring.find(second.kid, NOW + OVERLAP + 999) == (second.kem, True)
    assert ring.find(third.kid, NOW * 2) == (third.kem, True)


def test_keys_whose_overlap_is_over_are_forgotten_at_the_next_renewal() -> None:
    held = [AUTHORITY.holder("orders", "m7q2mzp4x3ac") for _ in range(5)]
    ring = Ring(held[0])
    for number, own in enumerate(held[1:], start=1):
        ring.renew(own, NOW + number * (OVERLAP + 1))
    assert [ring.find(own.kid, NOW) is not None for own in held] == [False, False, False, True, True]


def test_a_credential_renewed_with_the_same_key_stays_open() -> None:
    own = AUTHORITY.holder("orders", "m7q2mzp4x3ac")
    ring = Ring(own)
    ring.renew(own, NOW)
    assert ring.find(own.kid, NOW + 2 * OVERLAP) == (own.kem, True)


def test_a_services_keys_are_replaced_whole() -> None:
    own, old, new = AUTHORITY.holder("orders", "m7q2mzp4x3ac"), X25519PrivateKey.generate(), X25519PrivateKey.generate()
    ring = Ring(own, Epochs([Epoch(0, kid_of(old), old)]))
    ring.adopt(Epochs([Epoch(0, kid_of(new), new)]))
    assert ring.find(kid_of(old), NOW) is None
    assert ring.find(kid_of(new), NOW) == (new, False)
    ring.adopt(None)
    assert ring.find(kid_of(new), NOW) is None
