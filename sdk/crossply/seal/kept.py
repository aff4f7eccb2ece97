"""What instances of a service keep for each other where others could read and change it: under their service's key."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crossply.seal import hpke, schedule
from crossply.seal.faults import Reason, SealFault
from crossply.seal.layout import TAG
from crossply.seal.lineage import Lineage, never_copied, not_ours
from crossply.seal.ring import Ring
from crossply.seal.sealer import unix_ms

_LABEL: Final = b"crossply-v1\0kept"
_BEGIN: Final = b"\xe7\x01\x41"
"""No map of msgpack begins so, and no message between members has this suite."""
_SALT: Final = 32
_KID: Final = slice(len(_BEGIN), len(_BEGIN) + 8)
_CLEAR: Final = _KID.stop + _SALT
_NONCE: Final = bytes(12)


class Keeper:
    """Seals values to whoever has the service's keys, each for one place, under a key that seals nothing else.

    Whoever has the store can withhold a value or put an earlier one of its place back; it reads and makes none.
    """

    def __init__(self, ring: Ring, lineage: Lineage, *, clock: Callable[[], int] = unix_ms) -> None:
        self._ring = ring
        self._lineage = lineage
        self._clock = clock

    def __reduce_ex__(self, protocol: object) -> str:
        raise never_copied(self)

    def seal(self, place: str, value: bytes) -> bytes:
        """Return a value, sealed for its place; raise ``SealFault`` where the service's keys are not known here."""
        if self._lineage.severed:
            raise not_ours()
        found = self._ring.shared(self._clock())
        if found is None:
            raise SealFault(Reason.KEY_UNKNOWN, "the keys of this service, to keep something by, are not known here")
        kid, private = found
        clear = b"".join((_BEGIN, kid, secrets.token_bytes(_SALT)))
        return clear + _aead(clear, private).encrypt(_NONCE, value, self._bound(clear, place))

    def open(self, place: str, sealed: bytes) -> bytes:
        """Return what was sealed for a place; raise ``SealFault`` for anything else."""
        if not self.sealed(sealed) or len(sealed) < _CLEAR + TAG:
            raise SealFault(Reason.UNSUPPORTED, "what is kept there was not sealed by this service")
        clear = sealed[:_CLEAR]
        found = self._ring.find(clear[_KID], self._clock())
        if found is None or found[1]:
            raise SealFault(Reason.KEY_UNKNOWN, f"what is kept there is under key {clear[_KID].hex()}, not held here")
        try:
            return _aead(clear, found[0]).decrypt(_NONCE, sealed[_CLEAR:], self._bound(clear, place))
        except InvalidTag:
            raise SealFault(Reason.FORGED, "what is kept there is not by this service, or not for that place") from None

    @staticmethod
    def sealed(value: bytes) -> bool:
        """Whether a value looks like one that was sealed."""
        return value.startswith(_BEGIN)

    def _bound(self, clear: bytes, place: str) -> bytes:
        return b"".join((_LABEL, clear, schedule.lp(self._ring.identity.encode()), schedule.lp(place.encode())))


def _aead(clear: bytes, private: X25519PrivateKey) -> AESGCM:
    """Return what seals under the key of this one salt."""
    prk = hpke.extract(clear[_KID.stop :], private.private_bytes_raw())
    return AESGCM(hpke.expand(prk, _LABEL + clear[_KID], 32))
