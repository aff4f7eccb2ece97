"""HPKE (RFC 9180) out of pyca's primitives: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, all four modes.

pyca's own HPKE is single-shot and knows base mode alone; auth mode shows who sent, and a key that outlives one message
makes that cheap. Only the composition is ours; it is held to every vector of this KEM and KDF.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

_KEM, _KDF, _HASH = 0x0020, 0x0001, 32
_KEM_SUITE: Final = b"KEM" + _KEM.to_bytes(2, "big")


class Mode(IntEnum):
    """Who is authenticated, and by what (RFC 9180, section 5)."""

    BASE = 0
    PSK = 1
    AUTH = 2
    AUTH_PSK = 3


class Aead(NamedTuple):
    """An AEAD's number in RFC 9180, and the length of its key in bytes."""

    number: int
    key: int


AES_256_GCM: Final = Aead(0x0002, 32)
_NONCE: Final = 12


class Schedule(NamedTuple):
    """What the key schedule gives: a message's nonce is ``base_nonce`` XOR its sequence."""

    key: bytes
    base_nonce: bytes
    exporter: bytes


class HpkeFault(ValueError):
    """A public key with which no secret can be agreed on: one of small order."""


def encap(
    recipient: X25519PublicKey, ephemeral: X25519PrivateKey, sender: X25519PrivateKey | None = None
) -> tuple[bytes, bytes]:
    """Return the shared secret and ``enc`` (32 bytes each); with ``sender``, the secret shows that it was the sender.

    ``ephemeral`` must be fresh. Raise ``HpkeFault`` for a recipient's key of small order.
    """
    enc = ephemeral.public_key().public_bytes_raw()
    agreed, context = _agree(ephemeral, recipient), enc + recipient.public_bytes_raw()
    if sender is not None:
        agreed += _agree(sender, recipient)
        context += sender.public_key().public_bytes_raw()
    return _extract_and_expand(agreed, context), enc


def decap(enc: bytes, recipient: X25519PrivateKey, sender: X25519PublicKey | None = None) -> bytes:
    """Return the shared secret that ``encap`` gave the sender; raise ``HpkeFault`` for a key of small order."""
    agreed = _agree(recipient, X25519PublicKey.from_public_bytes(enc))
    context = enc + recipient.public_key().public_bytes_raw()
    if sender is not None:
        agreed += _agree(recipient, sender)
        context += sender.public_bytes_raw()
    return _extract_and_expand(agreed, context)


def key_schedule(
    mode: Mode, secret: bytes, info: bytes, *, aead: Aead = AES_256_GCM, psk: bytes = b"", psk_id: bytes = b""
) -> Schedule:
    """Return key, base nonce and exporter secret of a shared secret (RFC 9180, section 5.1)."""
    suite = _suite(aead)
    psk_id_hash = _labeled_extract(suite, b"", b"psk_id_hash", psk_id)
    info_hash = _labeled_extract(suite, b"", b"info_hash", info)
    context = bytes((mode,)) + psk_id_hash + info_hash
    derived = _labeled_extract(suite, secret, b"secret", psk)
    return Schedule(
        _labeled_expand(suite, derived, b"key", context, aead.key) if aead.key else b"",
        _labeled_expand(suite, derived, b"base_nonce", context, _NONCE) if aead.key else b"",
        _labeled_expand(suite, derived, b"exp", context, _HASH),
    )


def export(exporter: bytes, context: bytes, length: int, aead: Aead = AES_256_GCM) -> bytes:
    """Return a secret of ``length`` bytes for another use (RFC 9180, section 5.3)."""
    return _labeled_expand(_suite(aead), exporter, b"sec", context, length)


def extract(salt: bytes, ikm: bytes) -> bytes:
    """Return HKDF-Extract with SHA-256 (RFC 5869)."""
    mac = HMAC(salt, SHA256())
    mac.update(ikm)
    return mac.finalize()


def expand(prk: bytes, info: bytes, length: int) -> bytes:
    """Return HKDF-Expand with SHA-256 (RFC 5869)."""
    return HKDFExpand(SHA256(), length, info).derive(prk)


def _agree(private: X25519PrivateKey, public: X25519PublicKey) -> bytes:
    try:
        return private.exchange(public)
    except ValueError as error:
        raise HpkeFault("a public key is of small order") from error


def _extract_and_expand(agreed: bytes, context: bytes) -> bytes:
    prk = _labeled_extract(_KEM_SUITE, b"", b"eae_prk", agreed)
    return _labeled_expand(_KEM_SUITE, prk, b"shared_secret", context, _HASH)


def _suite(aead: Aead) -> bytes:
    return b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (_KEM, _KDF, aead.number))


def _labeled_extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return extract(salt, b"".join((b"HPKE-v1", suite, label, ikm)))


def _labeled_expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    return expand(prk, b"".join((length.to_bytes(2, "big"), b"HPKE-v1", suite, label, info)), length)
