"""Public keys that prove nothing: points of small order, which pyca accepts and the authority does not."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

_P: Final = 2**255 - 19
_LENGTH: Final = 32


def x25519_fault(raw: bytes) -> str | None:
    """Say what is wrong with an X25519 public key; None when nothing is."""
    if len(raw) != _LENGTH:
        return f"has {len(raw)} bytes, must have {_LENGTH}"
    return "is of small order: every exchange with it is all zero" if _is_small(raw) else None


def ed25519_fault(raw: bytes) -> str | None:
    """Say what is wrong with an Ed25519 public key; None when nothing is.

    A signature of a key of small order verifies for messages that nobody signed. The point's y is taken to the
    u of the Montgomery form of the same curve, (1 + y) / (1 - y), where an exchange shows its order.
    """
    if len(raw) != _LENGTH:
        return f"has {len(raw)} bytes, must have {_LENGTH}"
    y = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    if y >= _P:
        return "is not in canonical form"
    small = "is of small order: its signatures prove nothing"
    if y == 1:
        return small
    u = (1 + y) * pow(1 - y, -1, _P) % _P
    return small if _is_small(u.to_bytes(_LENGTH, "little")) else None


def _is_small(raw: bytes) -> bool:
    # A private key is a multiple of 8, so what has an order of 8 or less comes out as zero, which OpenSSL refuses.
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(raw))
    except ValueError:
        return True
    return False
