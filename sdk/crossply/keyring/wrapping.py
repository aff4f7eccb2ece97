"""Private keys on their way to one process: HPKE to its credential's key, and the authority's signature over that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from crossply.keyring import contents, signed
from crossply.keyring.contents import Bundle
from crossply.keyring.signed import KeyFault

if TYPE_CHECKING:
    from crossply.seal.holder import Holder

_SUITE: Final = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_INFO: Final = signed.label(signed.WRAPPED) + b"\0"
_WHAT: Final = "keys given to this process"

Sign = Callable[[bytes, bytes], bytes]
"""Signs a body under a label; ``Issuer.sign`` does."""


def wrapped(bundle: Bundle, credential: bytes, kem: bytes, issuer: bytes, sign: Sign) -> bytes:
    """Return keys that only the holder of a credential opens; ``credential`` is its SHA-256, ``kem`` its X25519 key."""
    closed = _SUITE.encrypt(contents.encode(bundle), X25519PublicKey.from_public_bytes(kem), _INFO + credential)
    return signed.pack(issuer, closed, sign(signed.label(signed.WRAPPED), credential + closed))


def unwrapped(raw: bytes, own: Holder, authorities: Mapping[bytes, Ed25519PublicKey]) -> Bundle:
    """Return the keys in ``raw``; raise ``KeyFault`` unless the authority wrapped them for this very credential."""
    closed = signed.opened(raw, signed.WRAPPED, _WHAT, authorities, own.digest)
    try:
        opened = _SUITE.decrypt(closed, own.kem, _INFO + own.digest)
    except (InvalidTag, ValueError) as error:
        raise KeyFault(f"{_WHAT}: do not open with this process's key") from error
    return contents.decode(opened, Bundle, _WHAT)
