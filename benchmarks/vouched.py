"""Keys of instances without an authority process: a credential that a key at hand signs, and the keyring around it."""

from __future__ import annotations

import random
import secrets
import time
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from crossply.keyring.keyring import Keyring
from crossply.seal import schedule
from crossply.seal.credentials import issue
from crossply.seal.holder import holder
from crossply.wire import credential
from crossply.wire.credential import Credential

_DOMAIN, _TENANT = "mesh.local", "default"
_DAY: Final = 86_400


def keyring(authority: Ed25519PrivateKey, service: str, instance: str) -> Keyring:
    """Return the keys of an instance that would have joined."""
    kem, signing, now = X25519PrivateKey.generate(), Ed25519PrivateKey.generate(), int(time.time())
    said = Credential(
        identity=credential.identity(_DOMAIN, _TENANT, service),
        instance=instance,
        not_before=now - 300,
        not_after=now + _DAY,
        serial=secrets.token_bytes(16),
        sign_key=signing.public_key().public_bytes_raw(),
        kem_key=kem.public_key().public_bytes_raw(),
    )
    public = authority.public_key()
    trusted = {schedule.issuer_kid(public.public_bytes_raw()): public}
    return Keyring(holder(issue(said, authority), kem, signing), trusted, _DOMAIN, _TENANT, random.Random())  # noqa: S311 - spreads senders over time
