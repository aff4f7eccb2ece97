"""Who is shut out: an identity altogether, or what it was issued before a moment. One signed object, with a counter."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.exceptions import InvalidSignature

from crossply.seal import revoked as seal_revoked
from crossply.seal.revoked import Void
from crossply_registry.authority import state
from crossply_registry.authority.issuer import BACKDATE
from crossply_registry.authority.refusal import Refused
from crossply_registry.authority.state import StateFault

if TYPE_CHECKING:
    from crossply_registry.authority.issuer import Issuer
    from crossply_registry.authority.state import State

LABEL: Final = b"crossply-revoked-v1"
MOST: Final = 4_096
MOVING: Final = 5.0
"""Seconds that processes have to replace what was voided, before it is refused and their connections end."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one identity: `barred` gets nothing; what was issued before `before` (unix s) is void.

    What is void is good for `moving` seconds more, for whoever already knows it.
    """

    barred: bool = False
    before: float = 0.0
    moving: float = 0.0
    reason: str = ""


class Revoked(msgspec.Struct, frozen=True):
    """All verdicts at one count."""

    number: int
    verdicts: dict[str, Verdict]


class Signed(msgspec.Struct, frozen=True):
    """The object as it lies in the store."""

    body: bytes
    signature: bytes


class Revocations:
    """One replica's view of who is shut out; it never goes back to a lower count."""

    def __init__(self, kept: State, issuer: Issuer, *, now: Callable[[], float] = time.time) -> None:
        self._state = kept
        self._issuer = issuer
        self._now = now
        self._known = Revoked(0, {})

    @property
    def verdicts(self) -> Mapping[str, Verdict]:
        """Return what is known, by identity."""
        return self._known.verdicts

    @property
    def number(self) -> int:
        """Return the count of what is known."""
        return self._known.number

    def signed(self) -> bytes:
        """Return what is known as members take it: they check it by themselves."""
        voids = {identity: _void(verdict) for identity, verdict in self._known.verdicts.items()}
        return self._issuer.sign_revoked(seal_revoked.Revoked(self._known.number, {}, voids))

    async def refresh(self) -> Mapping[str, Verdict]:
        """Read what other replicas decided; raise StoreUnavailable, or StateFault for what nobody here signed."""
        held = await self._state.read(state.REVOKED, Signed)
        self._adopt(self._opened(held))
        return self._known.verdicts

    async def bar(self, identity: str, reason: str) -> None:
        """Shut an identity out: nothing is issued to it, and what it has is void."""
        await self._decide(identity, lambda held: Verdict(barred=True, before=self._moment(held), reason=reason))

    async def void(self, identity: str, reason: str) -> None:
        """Void what an identity has; its processes enrol themselves anew, unless it is barred."""

        def voided(held: Verdict) -> Verdict:
            moving = 0.0 if held.barred else MOVING
            return Verdict(barred=held.barred, before=self._moment(held), moving=moving, reason=reason)

        await self._decide(identity, voided)

    async def restore(self, identity: str) -> None:
        """Let a barred identity enrol itself again; what it had before stays void."""

        def restored(held: Verdict) -> Verdict:
            if not held.barred:
                raise Refused(404, f"{identity} is not revoked")
            return msgspec.structs.replace(held, barred=False)

        await self._decide(identity, restored)

    def verdict(self, identity: str) -> Verdict:
        """Return what holds for an identity."""
        return self._known.verdicts.get(identity, CLEAR)

    def void_until(self, identity: str) -> float:
        """Return up to which beginning what an identity was issued is void, in unix seconds."""
        verdict = self.verdict(identity)
        return verdict.before - BACKDATE if verdict.before else 0.0

    def _moment(self, held: Verdict) -> float:
        """Return when a decision is: in a later second than the one before it, as beginnings are whole seconds."""
        return max(self._now(), float(int(held.before) + 1))

    async def _decide(self, identity: str, decide: Callable[[Verdict], Verdict]) -> None:
        def decided(held: Signed | None) -> Signed:
            known = self._opened(held)
            if identity not in known.verdicts and len(known.verdicts) >= MOST:
                raise Refused(409, f"there are {MOST} verdicts already")
            verdict = decide(known.verdicts.get(identity, CLEAR))
            body = msgspec.msgpack.encode(Revoked(known.number + 1, {**known.verdicts, identity: verdict}))
            return Signed(body, self._issuer.sign(LABEL, body))

        self._adopt(self._opened(await self._state.change(state.REVOKED, Signed, decided)))

    def _opened(self, held: Signed | None) -> Revoked:
        if held is None:
            return Revoked(0, {})
        try:
            self._issuer.public_key.verify(held.signature, LABEL + b"\0" + held.body)
        except InvalidSignature as error:
            raise StateFault("revocations in the store are not signed by the issuer; somebody changed them") from error
        return state.decode(state.REVOKED, held.body, Revoked)

    def _adopt(self, found: Revoked) -> None:
        if found.number < self._known.number:
            raise StateFault(f"revocations in the store went back from {self._known.number} to {found.number}")
        self._known = found


def _void(verdict: Verdict) -> Void:
    # What is issued begins earlier than it is made, for clocks that lag.
    return Void(int(verdict.before) - BACKDATE, int(verdict.before + verdict.moving), verdict.barred)


CLEAR: Final = Verdict()
