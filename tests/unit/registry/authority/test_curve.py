"""Keys of small order are told from all others."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from crossply_registry.authority.curve import ed25519_fault, x25519_fault

P = 2**255 - 19
# The eight points of order 1, 2, 4 and 8, and those of their encodings that are not canonical (as in libsodium).
SMALL_Y = [
    0,
    1,
    int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
    int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
    P - 1,
    P,
    P + 1,
]
SMALL_U = [
    0,
    1,
    int.from_bytes(bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"), "little"),
    int.from_bytes(bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"), "little"),
    P - 1,
    P,
    P + 1,
]


@pytest.mark.parametrize("sign", [0, 1 << 255])
@pytest.mark.parametrize("y", SMALL_Y)
def test_no_ed25519_key_of_small_order_is_taken(y: int, sign: int) -> None:
    assert ed25519_fault((y | sign).to_bytes(32, "little"))


@pytest.mark.parametrize("u", SMALL_U)
def test_no_x25519_key_of_small_order_is_taken(u: int) -> None:
    assert x25519_fault(u.to_bytes(32, "little"))


def test_such_a_key_verifies_what_nobody_signed_which_is_why() -> None:
    key = Ed25519PublicKey.from_public_bytes(bytes([1, *bytes(31)]))
    key.verify(bytes([1, *bytes(63)]), b"anything at all")
    with pytest.raises(InvalidSignature):
        Ed25519PrivateKey.generate().public_key().verify(bytes([1, *bytes(63)]), b"anything at all")


def test_keys_as_processes_make_them_are_taken() -> None:
    for _ in range(100):
        assert ed25519_fault(Ed25519PrivateKey.generate().public_key().public_bytes_raw()) is None
        assert x25519_fault(X25519PrivateKey.generate().public_key().public_bytes_raw()) is None


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_has_32_bytes(length: int) -> None:
    assert "must have 32" in (ed25519_fault(bytes(length)) or "")
    assert "must have 32" in (x25519_fault(bytes(length)) or "")
