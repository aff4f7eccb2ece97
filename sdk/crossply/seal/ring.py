"""The private keys that an instance opens with: its own, and those of its service's epochs."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from crossply.seal.epochs import OVERLAP, Epochs
from crossply.seal.holder import Holder
from crossply.seal.lineage import never_copied


class Ring:
    """Private keys by their id. A renewed instance key takes over at once; the one before opens for the overlap."""

    __slots__ = ("_epochs", "_own", "identity")

    def __init__(self, own: Holder, epochs: Epochs[X25519PrivateKey] | None = None) -> None:
        self.identity = own.identity
        self._own: dict[bytes, tuple[X25519PrivateKey, int | None]] = {own.kid: (own.kem, None)}
        self._epochs = epochs

    def __reduce_ex__(self, protocol: object) -> str:
        raise never_copied(self)

    def renew(self, own: Holder, now: int) -> None:
        """Open with a renewed instance key too, and with those before it until the overlap is over."""
        kept: dict[bytes, tuple[X25519PrivateKey, int | None]] = {own.kid: (own.kem, None)}
        for kid, (key, until) in self._own.items():
            ends = now + OVERLAP if until is None else until
            if ends > now and kid != own.kid:
                kept[kid] = key, ends
        self._own = kept

    def adopt(self, epochs: Epochs[X25519PrivateKey] | None) -> None:
        """Open what is sealed to these keys of the service, and to no others of it."""
        self._epochs = epochs

    def find(self, kid: bytes, now: int) -> tuple[X25519PrivateKey, bool] | None:
        """Return the key of an id if it opens at ``now``, and whether it is this instance's own."""
        found = self._own.get(kid)
        if found is not None:
            key, until = found
            return (key, True) if until is None or now < until else None
        shared = None if self._epochs is None else self._epochs.opening(kid, now)
        return None if shared is None else (shared, False)

    def shared(self, now: int) -> tuple[bytes, X25519PrivateKey] | None:
        """Return the service's key in force, after its id; ``None`` where none was given."""
        if self._epochs is None:
            return None
        found = self._epochs.sealing(now)
        return found.kid, found.key

    def clear(self) -> None:
        """Forget all keys."""
        self._own = {}
        self._epochs = None
