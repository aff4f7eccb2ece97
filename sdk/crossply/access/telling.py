"""What the audit stream is told of decisions, and what who was denied is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crossply.audit.entry import Action, Entry, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.audit.audit import Audit
    from crossply.clock import Chance
    from crossply.handler import Peer, Request
    from crossply_policy.access.decision import Decision

DEFAULT: Final = "default"
"""The rule of what no document speaks of."""
SAMPLED: Final = 0.01
"""The share of the allowed that is told of: those for whom ``luck`` is below it."""
_NANOSECONDS: Final = 1_000_000_000
_VERBS: Final = {Action.CALL: "call it", Action.PUBLISH: "publish there", Action.SUBSCRIBE: "have its events"}


class Telling:
    """Tells of all that was denied, or would be by documents in audit mode, and of a share of what was allowed."""

    def __init__(self, audit: Audit, chance: Chance, wall: Callable[[], int], place: tuple[int, int]) -> None:
        """``place`` is the generation and revision that decisions are made by."""
        self._audit = audit
        self.luck = chance.random
        self._wall = wall
        self._generation, self._revision = place

    def decided(self, decision: Decision, action: Action, peer: Peer, request: Request, *, sampled: bool) -> None:
        """Tell of one decision; of an outcome that documents in audit mode would change, that as well."""
        if not decision.allowed:
            self._tell(Outcome.DENIED, decision.rule, action, peer, request)
        elif sampled:
            self._tell(Outcome.ALLOWED, decision.rule, action, peer, request)
        if decision.allowed is not decision.audit_allowed:
            outcome = Outcome.WOULD_ALLOW if decision.audit_allowed else Outcome.WOULD_DENY
            self._tell(outcome, decision.audit_rule, action, peer, request)

    def _tell(self, outcome: Outcome, rule: str, action: Action, peer: Peer, request: Request) -> None:
        self._audit.tell(
            Entry(
                at=self._wall() / _NANOSECONDS,
                outcome=outcome,
                action=action,
                caller=peer.service,
                identity=peer.identity,
                instance=peer.instance,
                operation=request.operation,
                rule=rule or DEFAULT,
                trace_id=request.traceparent[3:35] if request.traceparent else "",
                generation=self._generation,
                revision=self._revision,
            )
        )


def why(what: str, who: str, action: Action, rule: str) -> str:
    """Return the words of a refusal."""
    if rule:
        return f"{what}: {who} may not {_VERBS[action]}: Access/{rule} denies it"
    return f"{what}: {who} may not {_VERBS[action]}: no Access document allows it; apply one that does, or ask who may"
