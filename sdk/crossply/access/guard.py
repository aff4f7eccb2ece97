"""Who decides in this process: what each of its stacks has to check, and that most have nothing to."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from crossply.access.judges import Callers, Publishers
from crossply.access.telling import DEFAULT, Telling, why
from crossply.audit.entry import Action
from crossply.errors import PermissionDenied
from crossply.handler import Peer, Request
from crossply.telemetry.logs import get_logger
from crossply.wire.credential import identity
from crossply_policy.access.decision import Caller, may_publish, may_subscribe, standing

if TYPE_CHECKING:
    from crossply.audit.audit import Audit
    from crossply.clock import Chance
    from crossply.config import MeshConfig
    from crossply.identity.member import Member
    from crossply.identity.stranger import Stranger
    from crossply_policy.access.decision import Decision, Standing
    from crossply_policy.snapshot import Snapshot

Check: TypeAlias = Callable[[Request], None]
"""Raises ``PermissionDenied`` for what may not be."""
_JUDGED_ELSEWHERE: Final = frozenset({("authority", "renew"), ("authority", "keys")})
"""The authority itself judges who is renewed and whose channels' keys a process gets.

No document can lock a process out of its identity, and none has to name the authority.
"""


class Guard:
    """Gives each stack its check by a snapshot; None where this process does not decide, or everything is allowed.

    A ``member`` denies what no document allows. A stranger decides once there is a document in the mesh
    (docs/decisions/0029). ``claims`` are those of this process's own credential.
    """

    def __init__(
        self,
        own: Peer,
        audit: Audit,
        chance: Chance,
        wall: Callable[[], int],
        *,
        member: bool,
        claims: Callable[[], Mapping[str, str]],
    ) -> None:
        self._own = own
        self._audit = audit
        self._chance = chance
        self._wall = wall
        self._member = member
        self._claims = claims

    def served(self, snapshot: Snapshot, endpoint: str) -> Check | None:
        """Return the check of calls to an endpoint of this service."""
        service = self._own.service
        if not self._decides(snapshot) or (service, endpoint) in _JUDGED_ELSEWHERE:
            return None
        return Callers(snapshot.access, service, endpoint, self._telling(snapshot)).check

    def called(self, snapshot: Snapshot, service: str, endpoint: str) -> Check | None:
        """Return the check of this process's calls to an endpoint: the callee's word is final, and told earlier."""
        if not self._decides(snapshot) or (service, endpoint) in _JUDGED_ELSEWHERE:
            return None
        found = standing(snapshot.access, self._caller(), service, endpoint)
        if found.plain.allowed and all(rule.paths is None for rule in found.rules):
            return None
        return self._calling(found, self._telling(snapshot))

    def published(self, snapshot: Snapshot, channel: str) -> Check | None:
        """Return the check of events that this process publishes to a channel."""
        if not self._decides(snapshot):
            return None
        decision = may_publish(snapshot.access, self._caller(), channel)
        if decision.allowed and decision.audit_allowed:
            return None
        return self._publishing(decision, self._telling(snapshot))

    def delivered(self, snapshot: Snapshot, pattern: str) -> Check | None:
        """Return the check of events that are delivered for a channel pattern."""
        if not self._decides(snapshot):
            return None
        own = may_subscribe(snapshot.access, self._caller(), pattern)
        return Publishers(snapshot.access, own, self._own.service, self._telling(snapshot)).check

    def _decides(self, snapshot: Snapshot) -> bool:
        return self._member or snapshot.guarded

    def _caller(self) -> Caller:
        return Caller(service=self._own.service, identity=self._own.identity, claims=self._claims())

    def _telling(self, snapshot: Snapshot) -> Telling:
        return Telling(self._audit, self._chance, self._wall, (snapshot.generation, snapshot.revision))

    def _calling(self, found: Standing, telling: Telling) -> Check:
        def check(request: Request) -> None:
            decision = found.plain if request.http is None else found.at(request.http.path)
            if not decision.allowed:
                telling.decided(decision, Action.CALL, self._own, request, sampled=False)
                self._refuse(decision, Action.CALL, request)

        return check

    def _publishing(self, decision: Decision, telling: Telling) -> Check:
        def check(request: Request) -> None:
            telling.decided(decision, Action.PUBLISH, self._own, request, sampled=False)
            if not decision.allowed:
                self._refuse(decision, Action.PUBLISH, request)

        return check

    def _refuse(self, decision: Decision, action: Action, request: Request) -> None:
        raise PermissionDenied(
            why(request.operation, self._own.service, action, decision.rule), rule=decision.rule or DEFAULT
        )


def guarding(config: MeshConfig, service: str, who: Member | Stranger, audit: Audit, chance: Chance) -> Guard:
    """Return the guard of a process that is ``who``; a stranger is told that it does not decide yet."""
    if not who.vouched_for:
        get_logger("access").info(
            "nobody_vouches_for_names", until="an Access document is in force, all may", by=service
        )
    own = Peer(service, who.instance, identity(config.trust_domain, config.tenant, service))
    return Guard(own, audit, chance, time.time_ns, member=who.vouched_for, claims=lambda: who.claims)
