"""What the authority's API takes and answers, as types; OpenAPI is generated from them."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

UnixSeconds: TypeAlias = Annotated[float, Meta(description="seconds since 1970, UTC; 0 for never")]


class TokenRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token to make; `lifetime` in seconds, 0 for ever."""

    service: str
    single_use: bool = False
    lifetime: Annotated[float, Meta(ge=0, le=366 * 86_400)] = 0.0


class RotateRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the old secret stays good, in seconds."""

    grace: Annotated[float, Meta(ge=0, le=7 * 86_400)] = 0.0


class TokenBody(Struct, frozen=True, kw_only=True):
    """A token, without its secret."""

    id: str
    service: str
    single_use: bool
    created: UnixSeconds
    expires: UnixSeconds
    used: UnixSeconds
    revoked: UnixSeconds


class NewTokenBody(Struct, frozen=True, kw_only=True):
    """A token with its text, which is shown this once."""

    id: str
    service: str
    token: str


class TokenList(Struct, frozen=True, kw_only=True):
    """All tokens, oldest first."""

    tokens: list[TokenBody]


class HolderBody(Struct, frozen=True, kw_only=True):
    """An identity with what it holds: how many certificates that have not ended, and when the last one does."""

    identity: str
    service: str
    certificates: int
    instances: int
    until: UnixSeconds
    revoked: bool
    reason: str


class HolderList(Struct, frozen=True, kw_only=True):
    """Every identity that holds something or is revoked."""

    identities: list[HolderBody]


class ForeignRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A certificate for a client without the SDK, for a key that it made; `lifetime` in seconds."""

    service: str
    request: str
    lifetime: Annotated[float, Meta(ge=60, le=90 * 86_400)] = 86_400.0


class ForeignBody(Struct, frozen=True, kw_only=True):
    """The certificate, with the issuer's behind it, and the root."""

    identity: str
    certificate: str
    trust: str
    not_after: UnixSeconds


class ReasonRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why something is done; kept in the journal."""

    reason: Annotated[str, Meta(max_length=500)] = ""


class VerdictBody(Struct, frozen=True, kw_only=True):
    """What holds for an identity now."""

    identity: str
    revoked: bool


class EntryBody(Struct, frozen=True, kw_only=True):
    """An entry of the issuance log; `hash` is of the entry, `prev` of the one before it."""

    number: int
    at: UnixSeconds
    what: str
    identity: str
    instance: str
    serial: str
    cid: str
    not_after: UnixSeconds
    by: str
    reason: str
    prev: str


class Journalled(Struct, frozen=True, kw_only=True):
    """A page of the log, oldest first, its chain verified; `next` continues it as `?after=`."""

    entries: list[EntryBody]
    next: int | None
