"""What a process is told of what it was issued: the same at a join and at a renewal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from cryptography import x509
from msgspec import Meta, Struct

from crossply.wire import credential
from crossply_registry.authority.certificates import pem
from crossply_registry.authority.issuer import Issued, Issuer


class JoinedBody(Struct, frozen=True, kw_only=True):
    """What a process gets."""

    identity: str
    instance: str
    certificate: Annotated[str, Meta(description="PEM: its own certificate, then the issuer's")]
    trust: Annotated[str, Meta(description="PEM: the root, by which it knows the others")]
    credential: Annotated[bytes, Meta(description="the credential of docs/protocol.md, in base64")]
    not_after: Annotated[float, Meta(description="seconds since 1970, UTC")]
    now: Annotated[float, Meta(description="the authority's time: by it `not_after` is to be read")]
    keyring: Annotated[bytes, Meta(description="keys of its service and its channels, wrapped for it, in base64")]
    registry: Annotated[str, Meta(description="PEM: the registry's signing keys, by the issuer; may be empty")]


def answer(issued: Issued, issuer: Issuer, registry: Iterable[x509.Certificate], now: float) -> JoinedBody:
    """Return it; `now` is unix seconds."""
    opened = credential.unpack(issued.credential)
    return JoinedBody(
        identity=opened.identity,
        instance=opened.instance,
        certificate=pem(issued.certificate, issuer.certificate).decode(),
        trust=pem(issuer.root).decode(),
        credential=issued.credential,
        not_after=issued.not_after,
        now=now,
        keyring=issued.keyring,
        registry=pem(*registry).decode(),
    )
