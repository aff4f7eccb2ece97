"""The decisions about what comes in: each peer's once for a snapshot, so that an allowed call costs a look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crossply.access.telling import DEFAULT, SAMPLED, Telling, why
from crossply.audit.entry import Action
from crossply.errors import PermissionDenied, Unwelcome
from crossply.handler import Peer
from crossply_policy.access.decision import Caller, may_publish, standing

if TYPE_CHECKING:
    from crossply.handler import Request
    from crossply_policy.access.decision import Decision, Standing
    from crossply_policy.access.rules import Access

_MOST: Final = 4096
"""The peers that are remembered; where there are more, what was found is found again."""
_NOBODY: Final = Peer(service="")


class Callers:
    """Decides the calls to one endpoint of this service."""

    def __init__(self, access: Access, service: str, endpoint: str, telling: Telling) -> None:
        self._access = access
        self._service, self._endpoint = service, endpoint
        self._telling = telling
        self._luck = telling.luck
        # By the id of a peer, which stays its own for as long as the peer is kept beside what was found.
        self._found: dict[int, tuple[Peer, Standing]] = {}
        self._passing: set[int] = set()

    def check(self, request: Request) -> None:
        """Raise ``PermissionDenied`` unless the peer may make this call."""
        sampled = self._luck() < SAMPLED
        if id(request.peer) in self._passing and request.http is None and not sampled:
            return
        peer = request.peer or _NOBODY
        found = self._standing(peer)
        decision = found.plain if request.http is None else found.at(request.http.path)
        self._telling.decided(decision, Action.CALL, peer, request, sampled=sampled)
        if not decision.allowed:
            raise PermissionDenied(
                why(request.operation, peer.service, Action.CALL, decision.rule), rule=decision.rule or DEFAULT
            )

    def _standing(self, peer: Peer) -> Standing:
        known = self._found.get(id(peer))
        if known is not None:
            return known[1]
        if len(self._found) >= _MOST:
            self._passing.clear()
            self._found.clear()
        found = standing(self._access, _caller(peer), self._service, self._endpoint)
        self._found[id(peer)] = (peer, found)
        if found.plain.allowed and found.plain.audit_allowed:
            self._passing.add(id(peer))
        return found


class Publishers:
    """Decides the deliveries of events: by who published them, and whether this service may have them at all."""

    def __init__(self, access: Access, own: Decision, service: str, telling: Telling) -> None:
        """``own`` is the decision on this service's subscription."""
        self._access = access
        self._own = own
        self._service = service
        self._telling = telling
        self._found: dict[tuple[int, str], tuple[Peer, Decision]] = {}

    def check(self, request: Request) -> None:
        """Raise ``PermissionDenied`` if this service may not have the event, ``Unwelcome`` if it has no right to be."""
        sampled = self._telling.luck() < SAMPLED
        own = self._own
        if not (own.allowed and own.audit_allowed):
            self._telling.decided(own, Action.SUBSCRIBE, Peer(self._service), request, sampled=sampled)
        if not own.allowed:
            raise PermissionDenied(
                why(request.operation, self._service, Action.SUBSCRIBE, own.rule), rule=own.rule or DEFAULT
            )
        peer = request.peer or _NOBODY
        decision = self._decision(peer, request.operation)
        self._telling.decided(decision, Action.PUBLISH, peer, request, sampled=sampled)
        if not decision.allowed:
            raise Unwelcome(
                why(request.operation, peer.service, Action.PUBLISH, decision.rule), rule=decision.rule or DEFAULT
            )

    def _decision(self, peer: Peer, channel: str) -> Decision:
        key = (id(peer), channel)
        known = self._found.get(key)
        if known is None:
            if len(self._found) >= _MOST:
                self._found.clear()
            known = self._found[key] = (peer, may_publish(self._access, _caller(peer), channel))
        return known[1]


def _caller(peer: Peer) -> Caller:
    return Caller(service=peer.service, identity=peer.identity, claims=peer.claims)
