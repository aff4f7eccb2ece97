"""Which keys a sealed message is under: ids of keys, what a session is bound to, what each message authenticates."""

from __future__ import annotations

import hashlib
import struct
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from crossply.seal import hpke

PAIR: Final = 0x01
GROUP_SIGNED: Final = 0x11
GROUP: Final = 0x12

_LENGTH: Final = struct.Struct(">H")
LENGTHS: Final = tuple(_LENGTH.pack(length) for length in range(256))
"""The u16 before a subject, by its length."""
_SIGNED: Final = b"crossply-v1\0sig"


class Key(NamedTuple):
    """A session's AES-256 key, and the number that a sequence is XORed with to make the nonce."""

    key: bytes
    base_nonce: int


def kid(public: bytes) -> bytes:
    """Return the id of an X25519 public key: 8 bytes, to look it up by."""
    return hashlib.sha256(b"crossply-kid-v1\0" + public).digest()[:8]


def group_kid(key: bytes) -> bytes:
    """Return the id of a channel's key."""
    return hashlib.sha256(b"crossply-gkid-v1\0" + key).digest()[:8]


def issuer_kid(public: bytes) -> bytes:
    """Return the id of an authority's Ed25519 key."""
    return hashlib.sha256(b"crossply-ikid-v1\0" + public).digest()[:8]


def lp(value: bytes) -> bytes:
    """Return a value behind its length, so that no two lists of values look alike."""
    return _LENGTH.pack(len(value)) + value


def trust_domain(identity: str) -> str:
    """Return the trust domain of a SPIFFE identity."""
    return identity.removeprefix("spiffe://").partition("/")[0]


def pair_info(sender: bytes, destination: str, recipient: bytes) -> bytes:
    """Return what a pair's session is bound to; ``sender`` is SHA-256 of the credential, ``recipient`` a kid.

    The whole hash of the credential stands here: where two credentials share an id, only the sender's own opens.
    """
    domain = lp(trust_domain(destination).encode())
    return b"".join((b"crossply-v1\0pair", bytes((PAIR,)), domain, sender, lp(destination.encode()), recipient))


def encap_pair(
    recipient: X25519PublicKey, ephemeral: X25519PrivateKey, sender: X25519PrivateKey, info: bytes
) -> tuple[Key, bytes]:
    """Return a new session's key and its ``enc``; raise ``HpkeFault`` for a recipient's key of small order."""
    secret, enc = hpke.encap(recipient, ephemeral, sender)
    return _key(secret, info), enc


def decap_pair(enc: bytes, recipient: X25519PrivateKey, sender: X25519PublicKey, info: bytes) -> Key:
    """Return the key of a session that a sender began; raise ``HpkeFault`` for an ``enc`` of small order."""
    return _key(hpke.decap(enc, recipient, sender), info)


def group_key(suite: int, shared: bytes, salt: bytes, channel: bytes, sender: bytes) -> Key:
    """Return the key of one publisher's session in a channel; ``shared`` is the channel's 32 bytes of one epoch."""
    prk = hpke.extract(salt, shared)
    bound = b"".join((b"crossply-v1\0group", bytes((suite,)), lp(channel), group_kid(shared), sender))
    okm = hpke.expand(prk, bound, 44)
    return Key(okm[:32], int.from_bytes(okm[32:], "big"))


def authenticated(head: bytes, subject: bytes, names: bytes) -> bytes:
    """Return a message's AAD: header and TLVs, the subject it lies in (at most 255 bytes), from whom to whom.

    What every message passes has this line itself: a call here is a tenth of a microsecond.
    """
    return b"".join((head, LENGTHS[len(subject)], subject, names))


def names(source: str, destination: bytes) -> bytes:
    """Return the end of the AAD: the sender's identity, and the recipient's or the channel."""
    return lp(source.encode()) + lp(destination)


def to_sign(aad: bytes, ciphertext: bytes) -> bytes:
    """Return what a publisher signs: encrypt, then sign."""
    digest = hashlib.sha256(aad)
    digest.update(ciphertext)
    return _SIGNED + digest.digest()


def _key(secret: bytes, info: bytes) -> Key:
    made = hpke.key_schedule(hpke.Mode.AUTH, secret, info)
    return Key(made.key, int.from_bytes(made.base_nonce, "big"))
