"""Whether a service may have a channel's keys: what the `Access` documents in force say of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from crossply_policy.access.decision import Caller, may_publish, may_subscribe
from crossply_registry.authority.keyring.granting import PUBLISH

if TYPE_CHECKING:
    from crossply_policy.snapshot import Snapshot


class Judging:
    """Decides by the snapshot of the authority's own place in the mesh: what no document allows, nobody may."""

    def __init__(self, identify: Callable[[str], str]) -> None:
        self._identify = identify
        self._snapshot: Callable[[], Snapshot | None] = _none

    def watch(self, snapshot: Callable[[], Snapshot | None]) -> None:
        """Decide by what ``snapshot`` returns from now on."""
        self._snapshot = snapshot

    def may(self, service: str, channel: str, verb: str) -> bool:
        """Return whether a service may ``publish`` on a channel, or ``subscribe`` to a pattern of channels."""
        now = self._snapshot()
        if now is None:
            return False
        caller = Caller(service=service, identity=self._identify(service))
        decide = may_publish if verb == PUBLISH else may_subscribe
        return decide(now.access, caller, channel).allowed


def _none() -> None:
    return None
