"""The signed list of revoked credentials."""

from __future__ import annotations

import msgspec
import pytest

from crossply.seal.faults import Reason
from crossply.seal.revoked import Revoked, Void, sign, verify
from tests.unit.sdk.seal.members import Authority, refused

LIST = Revoked(
    7, {bytes(range(16)): 1_790_000_000, bytes(16): 5}, {"spiffe://mesh.test/t/acme/svc/web": Void(5, 9, barred=True)}
)


@pytest.fixture
def authority() -> Authority:
    return Authority()


def test_a_list_is_read_as_it_was_signed(authority: Authority) -> None:
    assert verify(sign(LIST, authority.key), authority.trusted) == LIST
    assert verify(sign(Revoked(), authority.key), authority.trusted) == Revoked()


def test_no_bit_of_a_list_may_be_another(authority: Authority) -> None:
    raw = sign(LIST, authority.key)
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        assert refused(verify, bytes(changed), authority.trusted) in {Reason.FORGED, Reason.MALFORMED}


def test_a_list_of_another_authority_is_forged(authority: Authority) -> None:
    assert refused(verify, sign(LIST, Authority().key), authority.trusted) is Reason.FORGED


@pytest.mark.parametrize("raw", [b"", b"\xc1", msgspec.msgpack.encode({"issuer": 5})])
def test_what_is_no_list_is_malformed(authority: Authority, raw: bytes) -> None:
    assert refused(verify, raw, authority.trusted) is Reason.MALFORMED


def test_a_serial_of_another_length_is_malformed_though_it_is_signed(authority: Authority) -> None:
    assert refused(verify, sign(Revoked(1, {b"short": 5}), authority.key), authority.trusted) is Reason.MALFORMED


def test_of_an_identity_what_began_by_a_moment_is_revoked_and_nothing_later() -> None:
    found = Revoked(1, {bytes(16): 50}, {"web": Void(until=100, since=400)})
    other = bytes(range(16))
    assert found.revoked_since(other, "web", 100) == 400
    assert found.revoked_since(other, "web", 101) is None
    assert found.revoked_since(other, "orders", 100) is None
    assert found.revoked_since(bytes(16), "web", 100) == 50
    assert found.revoked_since(bytes(16), "orders", 100) == 50


def test_only_the_barred_are_not_believed_at_all() -> None:
    assert Revoked(1, {}, {"web": Void(1, 1), "orders": Void(1, 1, barred=True)}).barred == {"orders"}


def test_what_is_void_is_refused_from_its_moment_on_and_a_single_serial_at_once() -> None:
    found = Revoked(1, {bytes(16): 50}, {"web": Void(until=100, since=400)})
    other = bytes(range(16))
    assert not found.revoked(other, "web", 100, 399)
    assert found.revoked(other, "web", 100, 400)
    assert not found.revoked(other, "web", 101, 400)
    assert found.revoked(bytes(16), "orders", 100, 0)
