"""How messages are protected on their way, and what a receiver takes: what `Security` documents say, compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

Encryption: TypeAlias = Literal["strict", "permissive", "off"]
Replay: TypeAlias = Literal["bounded", "strict"]

_MESH: Final = "mesh"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityPolicy:
    """Whether messages to a service are sealed, and to whom; how long its keys seal, and what it is issued lasts.

    An encryption of None is `strict` for a process that an authority vouches for, and `off` for one that has no keys.
    Epoch and lifetime are in seconds; where they are None, and at most, it is what the authority's configuration says.
    """

    encryption: Encryption | None = None
    replay: Replay = "bounded"
    key_epoch: float | None = None
    credential_lifetime: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuritySpec:
    """What a `Security` document says: of one service, or of all where its name is `mesh`."""

    encryption: Encryption | None = None
    replay: Replay | None = None
    key_epoch: float | None = None
    credential_lifetime: float | None = None


@dataclass(frozen=True, slots=True)
class Securities:
    """What holds for each service: its own document, field by field over that of `mesh`."""

    mesh: SecurityPolicy = field(default_factory=SecurityPolicy)
    services: Mapping[str, SecurityPolicy] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, said: Mapping[str, SecuritySpec]) -> Securities:
        """Return what documents say, by their names."""
        floor = _over(SecurityPolicy(), said.get(_MESH))
        services = {name: _over(floor, spec) for name, spec in said.items() if name != _MESH}
        return cls(floor, MappingProxyType(services))

    def service(self, name: str) -> SecurityPolicy:
        """Return what holds for a service."""
        return self.services.get(name, self.mesh)


def _over(floor: SecurityPolicy, spec: SecuritySpec | None) -> SecurityPolicy:
    if spec is None:
        return floor
    return SecurityPolicy(
        encryption=spec.encryption or floor.encryption,
        replay=spec.replay or floor.replay,
        key_epoch=spec.key_epoch or floor.key_epoch,
        credential_lifetime=spec.credential_lifetime or floor.credential_lifetime,
    )
