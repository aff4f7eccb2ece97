"""Who holds certificates that have not ended: read from the issuance log, no further back than they last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from crossply_registry.authority.revocations import Verdict

if TYPE_CHECKING:
    from crossply_registry.authority.journal import Journal

_GIVEN: Final = frozenset({"issued", "renewed"})
_LONGEST: Final = 90 * 86_400.0


@dataclass(slots=True)
class Holder:
    """What one identity holds; `until` is when the last of it ends, in unix seconds."""

    identity: str
    certificates: int = 0
    instances: set[str] = field(default_factory=set[str])
    until: float = 0.0
    verdict: Verdict = field(default_factory=Verdict)


async def holders(journal: Journal, verdicts: Mapping[str, Verdict], now: float) -> list[Holder]:
    """Return the holders and the revoked, by name; what was issued before a verdict does not count."""
    found = {identity: Holder(identity, verdict=verdict) for identity, verdict in verdicts.items() if verdict.barred}
    for entry in await journal.since(now - _LONGEST):
        if entry.what not in _GIVEN or entry.not_after <= now:
            continue
        verdict = verdicts.get(entry.identity)
        if verdict is not None and entry.at <= verdict.before:
            continue
        holder = found.setdefault(entry.identity, Holder(entry.identity))
        holder.certificates += 1
        if entry.instance:
            holder.instances.add(entry.instance)
        holder.until = max(holder.until, float(entry.not_after))
    return sorted(found.values(), key=lambda each: each.identity)
