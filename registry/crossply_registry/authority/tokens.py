"""Enrolment tokens: each bound to one identity, hashed where it is kept, usable many times or once."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from crossply.names import new_instance
from crossply.wire.link import Conflict
from crossply_registry.authority import state
from crossply_registry.authority.identity import OWN
from crossply_registry.authority.refusal import Refused, forbidden, malformed, unknown

if TYPE_CHECKING:
    from crossply_registry.authority.grant import Grant
    from crossply_registry.authority.state import State

MOST: Final = 8_192
GRANT: Final = "grant"
"""Stands in the journal where a token's id does."""
_LABEL: Final = b"crossply-token-v1\0"
_parts: Final = re.compile(r"crossply_([a-z2-7]{12})_([0-9a-f]{64})").fullmatch
_REFUSED: Final = "token is not one that is valid; make one with `crossply token create`"


class Token(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a token; times are unix seconds, 0 for never."""

    id: str
    service: str
    hash: bytes
    created: float
    expires: float = 0.0
    single_use: bool = False
    used: float = 0.0
    revoked: float = 0.0
    earlier: bytes = b""
    earlier_until: float = 0.0


class Tokens:
    """The tokens of one tenant; `now` is unix seconds, `grant` a development mesh's, which is good for any service."""

    def __init__(self, kept: State, *, now: Callable[[], float] = time.time, grant: Grant | None = None) -> None:
        self._state = kept
        self._now = now
        self._grant = grant

    async def create(self, service: str, *, lifetime: float = 0.0, single_use: bool = False) -> tuple[Token, str]:
        """Return a new token and its text, which is kept nowhere; raise Refused for the mesh's own services."""
        if service in OWN:
            raise forbidden(f"{service} is a process of the mesh itself; `crossply authority init` makes its identity")
        now = self._now()
        made, text = new_token(service, now, expires=now + lifetime if lifetime else 0.0, single_use=single_use)
        await self._keep(made)
        return made, text

    async def adopt(self, tokens: Iterable[Token]) -> None:
        """Take over tokens that were made before there was a store; those that are there stay as they are."""
        for each in tokens:
            if await self._state.read(state.token(each.id), Token) is None:
                await self._keep(each)

    async def all(self) -> list[Token]:
        """Return the tokens, oldest first."""
        idents = await self._state.read(state.TOKENS, list[str]) or []
        found = [await self._state.read(state.token(each), Token) for each in idents]
        return [each for each in found if each is not None]

    async def rotate(self, ident: str, grace: float) -> tuple[Token, str]:
        """Return the token with a new secret, and its text; the old one is good for ``grace`` seconds more."""
        secret = secrets.token_hex(32)

        def rotated(held: Token | None) -> Token:
            found = _there(held, ident)
            if found.revoked:
                raise forbidden(f"token {ident} is revoked; make another one")
            return msgspec.structs.replace(
                found,
                hash=_digest(secret),
                used=0.0,
                earlier=found.hash if grace > 0 else b"",
                earlier_until=self._now() + grace if grace > 0 else 0.0,
            )

        changed = await self._state.change(state.token(ident), Token, rotated)
        return _there(changed, ident), _text(ident, secret)

    async def revoke(self, ident: str) -> Token:
        """Return the token, which is good for nothing any more; what it issued stays valid until it ends."""

        def revoked(held: Token | None) -> Token:
            return msgspec.structs.replace(_there(held, ident), revoked=self._now())

        return _there(await self._state.change(state.token(ident), Token, revoked), ident)

    async def accept(self, text: str, service: str) -> Token:
        """Return the token of a text if it is for a service; raise Refused.

        One for a single use is used up by this, whatever comes after, but not by a service that it is not for.
        """
        if self._grant is not None and self._grant.accepts(text):
            return Token(id=GRANT, service=service, hash=self._grant.hash, created=0.0)
        found = _parts(text)
        if found is None:
            raise malformed("token: is not of the form crossply_<id>_<secret>")
        ident, secret = found[1], _digest(found[2])
        held = self._checked(await self._state.read(state.token(ident), Token), secret, service)
        if not held.single_use:
            return held

        def used(again: Token | None) -> Token:
            return msgspec.structs.replace(self._checked(again, secret, service), used=self._now())

        return _there(await self._state.change(state.token(ident), Token, used), ident)

    def _checked(self, held: Token | None, secret: bytes, service: str) -> Token:
        now = self._now()
        # One text for what is not there and what is wrong, and the comparison in both cases.
        right = hmac.compare_digest(held.hash if held else _LABEL, secret)
        earlier = held is not None and now < held.earlier_until and hmac.compare_digest(held.earlier, secret)
        if held is None or not (right or earlier):
            raise unknown(_REFUSED)
        if held.revoked:
            raise unknown(f"token {held.id} is revoked; make another one with `crossply token create`")
        if held.expires and now >= held.expires:
            raise unknown(f"token {held.id} has expired; `crossply token rotate` or `crossply token create`")
        if held.single_use and held.used:
            raise unknown(f"token {held.id} was for a single use and has been used; make another one")
        if held.service != service:
            raise forbidden(f"token {held.id} is for {held.service}, not for {service}")
        return held

    async def _keep(self, made: Token) -> None:
        """List it, then keep it: one that is listed only was never given to anybody."""

        def listed(held: list[str] | None) -> list[str] | None:
            idents = held or []
            if made.id in idents:
                return None
            if len(idents) >= MOST:
                raise Refused(
                    409, f"there are {MOST} tokens already; a multi-use token serves all instances of a service"
                )
            return [*idents, made.id]

        await self._state.change(state.TOKENS, list[str], listed)
        try:
            await self._state.create(state.token(made.id), msgspec.msgpack.encode(made))
        except Conflict:
            return  # another replica adopts the same tokens at this moment


def new_token(service: str, now: float, *, expires: float = 0.0, single_use: bool = False) -> tuple[Token, str]:
    """Return a token that is kept nowhere yet, and its text."""
    ident, secret = new_instance(), secrets.token_hex(32)
    made = Token(id=ident, service=service, hash=_digest(secret), created=now, expires=expires, single_use=single_use)
    return made, _text(ident, secret)


def _digest(secret: str) -> bytes:
    # 256 random bits: there is nothing to guess, so nothing slow is needed.
    return hashlib.sha256(_LABEL + secret.encode()).digest()


def _text(ident: str, secret: str) -> str:
    return f"crossply_{ident}_{secret}"


def _there(held: Token | None, ident: str) -> Token:
    if held is None:
        raise Refused(404, f"there is no token {ascii(ident)[:40]}; `crossply token ls` lists them")
    return held
