"""The documents in force at one revision: an immutable value, replaced whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from crossply.control.record import Kept
from crossply_policy.access.reach import FOREIGN
from crossply_policy.access.spec import AccessSpec
from crossply_policy.documents import Document
from crossply_policy.rate_limit import RateLimitSpec
from crossply_policy.snapshot import MESH

_OF_ONE_SERVICE: Final = frozenset({"Service", "Traffic"})
_OF_ONE_OR_ALL: Final = frozenset({"Telemetry", "Security"})


@dataclass(frozen=True, slots=True)
class Held:
    """A document in force: parsed, as its canonical bytes, and with what the manifest keeps of it."""

    document: Document
    raw: bytes
    kept: Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What holds at a revision. ``held`` maps ``kind/name``; ``record_hash`` is that of its record."""

    generation: int
    revision: int
    record_hash: str
    held: Mapping[str, Held] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def place(self) -> tuple[int, int]:
        """Return generation and revision, by which histories are ordered."""
        return self.generation, self.revision

    def manifest(self) -> dict[str, Kept]:
        """Return what a checkpoint says of the documents."""
        return {key: held.kept for key, held in self.held.items()}

    def etag(self, key: str) -> str | None:
        """Return ``generation.revision`` of the last change of a document, None where there is none."""
        held = self.held.get(key)
        return None if held is None else f"{self.generation}.{held.kept.revision}"


def concerns(document: Document) -> tuple[str, ...]:
    """Return whom a document concerns: the service it is about, or ``*`` for all."""
    if isinstance(document.spec, RateLimitSpec) and document.spec.target and document.spec.target.service:
        return (document.spec.target.service,)
    if isinstance(document.spec, AccessSpec):
        return _guarded(document.spec)
    own = document.kind in _OF_ONE_SERVICE or (document.kind in _OF_ONE_OR_ALL and document.name != MESH)
    return (document.name,) if own else ("*",)


def _guarded(spec: AccessSpec) -> tuple[str, ...]:
    """Return the services whose calls a document speaks of, and the callers it names: both are let in by it.

    It is all, where it speaks of channels, of every service, or of every caller.
    """
    services = {target.service or "*" for target in spec.to or ()}
    callers = {caller.rpartition("/")[2] for caller in spec.callers or ()} - {FOREIGN}
    named = sorted(services | callers)
    return ("*",) if "*" in named else tuple(named)
