"""Rate limits: what a document says, what holds, and which of them concern an operation or a channel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

Per: TypeAlias = Literal["all", "caller", "tenant", "key"]
Scope: TypeAlias = Literal["instance", "mesh"]
Place: TypeAlias = Literal["callee", "caller"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is limited: the calls of a service, of one endpoint of it, or the events of channels."""

    service: str | None = None
    endpoint: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitSpec:
    """What a `RateLimit` document says; ``target`` is its field `for`."""

    target: Target | None = None
    rate: float | None = None
    burst: float | None = None
    per: Per | None = None
    scope: Scope | None = None
    at: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitPolicy:
    """One limit in force: ``rate`` a second and ``burst`` at once, for each of what ``per`` tells apart."""

    name: str
    target: Target
    rate: float
    burst: float
    per: Per = "all"
    scope: Scope = "instance"
    at: Place = "callee"

    @classmethod
    def of(cls, name: str, spec: RateLimitSpec) -> RateLimitPolicy:
        """Return what holds by a document that was read; a burst nobody said is what one second allows."""
        target, rate = spec.target or Target(), spec.rate or 1.0
        return cls(
            name=name,
            target=target,
            rate=rate,
            burst=max(1.0, rate) if spec.burst is None else spec.burst,
            per=spec.per or "all",
            scope=spec.scope or "instance",
            at="caller" if target.channel is not None else spec.at or "callee",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """All limits of a snapshot, found by the service or the family they are about."""

    services: Mapping[str, tuple[RateLimitPolicy, ...]] = field(default_factory=lambda: MappingProxyType({}))
    families: Mapping[str, tuple[RateLimitPolicy, ...]] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, policies: Iterable[RateLimitPolicy]) -> RateLimits:
        """Return the limits in the order of their names, by which those that refuse are asked."""
        services: dict[str, tuple[RateLimitPolicy, ...]] = {}
        families: dict[str, tuple[RateLimitPolicy, ...]] = {}
        for one in sorted(policies, key=lambda policy: policy.name):
            if one.target.channel is not None:
                family = one.target.channel.partition(".")[0]
                families[family] = (*families.get(family, ()), one)
            elif one.target.service is not None:
                services[one.target.service] = (*services.get(one.target.service, ()), one)
        return cls(services=MappingProxyType(services), families=MappingProxyType(families))

    def every(self) -> Iterator[RateLimitPolicy]:
        """Yield them all."""
        for held in (self.services, self.families):
            for policies in held.values():
                yield from policies

    def calls(self, service: str, endpoint: str, at: Place) -> tuple[RateLimitPolicy, ...]:
        """Return the limits of calls to an endpoint that are kept on one side."""
        return tuple(
            one for one in self.services.get(service, ()) if one.at == at and one.target.endpoint in {None, endpoint}
        )

    def events(self, channel: str) -> tuple[RateLimitPolicy, ...]:
        """Return the limits of events to a channel."""
        return tuple(
            one
            for one in self.families.get(channel.partition(".")[0], ())
            if one.target.channel is not None and matches(one.target.channel, channel)
        )


def matches(pattern: str, channel: str) -> bool:
    """Return whether a channel is one that a pattern names: `*` is a token, a last `>` one or more."""
    wanted, given = pattern.split("."), channel.split(".")
    if wanted[-1] == ">":
        wanted, given, tail = wanted[:-1], given[: len(wanted) - 1], len(given) >= len(wanted)
        if not tail:
            return False
    return len(wanted) == len(given) and all(want in {"*", token} for want, token in zip(wanted, given, strict=True))
