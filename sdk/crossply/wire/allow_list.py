"""What a connection may say and hear: the subjects that a broker is told to allow, and no others.

Every list here is of what is allowed. A deny-list, or answers allowed wherever they are asked for, has been got round
before (docs/decisions/0032).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from crossply.wire import subjects
from crossply_policy.access.reach import ANYONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from crossply_policy.access.reach import Reach

AUTHORITY: Final = "authority"
REGISTRY: Final = "registry"
_VERBS: Final = ("PING", "INFO", "STATS")
_ALL_INBOXES: Final = "_INBOX.>"


@dataclass(frozen=True, slots=True)
class AllowList:
    """Sorted subjects; one to subscribe to that names a queue group, after a space, is allowed in that group only.

    ``digest`` tells two lists apart: 32 hexadecimal digits, the same wherever they are computed.
    """

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        said = "\0".join(("\n".join(self.publish), "\n".join(self.subscribe)))
        object.__setattr__(self, "digest", hashlib.sha256(said.encode()).hexdigest()[:32])

    def exceeds(self, other: AllowList) -> bool:
        """Return whether it allows something that another list does not name."""
        return not (set(self.publish) <= set(other.publish) and set(self.subscribe) <= set(other.subscribe))


def of_instance(reach: Reach, service: str, instance: str, tenant: str) -> AllowList:
    """Return what one instance of a service may: speak for itself, to whom it calls and who calls it."""
    group = subjects.instance_group(instance)
    callees = {*reach.callees, AUTHORITY} if ANYONE not in reach.callees else {ANYONE}
    publish = {
        subjects.heartbeat(service, instance),
        subjects.shares(service, instance),
        subjects.report(service, instance),
        subjects.audit(service, instance),
        *(subjects.any_endpoint(each) for each in callees),
        *(subjects.who(each) for each in callees),
        # A registry asks who serves what.
        *_inboxes({*reach.callers, REGISTRY}),
        *(subjects.channel(each) for each in reach.publishes),
        subjects.OWN_PERMISSIONS,
        *_reads(subjects.bucket(tenant)),
        *_reads(subjects.credentials(tenant)),
        *_keeps(subjects.replies(tenant)),
        *(each for pattern in reach.takes for each in _pulls(service, pattern)),
    }
    subscribe = {
        f"{subjects.any_instance(service, '*')} {service}",
        f"{subjects.inbox(service, instance)}>",
        *(
            f"{each} {group}"
            for each in (
                subjects.own_instance(service, instance),
                subjects.who(service),
                subjects.ANNOUNCEMENTS,
                *(subjects.heartbeats(each) for each in callees),
                *(subjects.micro(verb, *about) for verb in _VERBS for about in ((), (service,), (service, instance))),
            )
        ),
    }
    return _sorted(publish, subscribe)


def of_foreign(reach: Reach, name: str) -> AllowList:
    """Return what a client without the SDK may: call, ask NATS micro of whom it calls, publish, hear."""
    everyone = ANYONE in reach.callees
    own = f"{subjects.inboxes(name)}.>"
    publish = {
        # To itself, if to nobody else: a list that is empty allows everything.
        own,
        *(subjects.any_instance(each, "*") for each in reach.callees),
        *((subjects.micro("*"), subjects.micro("*", ">")) if everyone else ()),
        *(subjects.micro("*", each, *rest) for each in reach.callees - {ANYONE} for rest in ((), ("*",))),
        *(subjects.channel(each) for each in reach.publishes),
    }
    subscribe = {own, *(subjects.channel(each) for each in reach.hears)}
    return _sorted(publish, subscribe)


def of_registry(tenant: str) -> AllowList:
    """Return what registries may: they hear presence and reports of all, write policy, make streams and consumers.

    Their certificate is one for all replicas, so that no instance is named here.
    """
    bucket = subjects.bucket(tenant)
    publish = {
        *_own(REGISTRY),
        subjects.HEAD,
        subjects.who("*"),
        f"$KV.{bucket}.>",
        *_reads(bucket),
        *(f"$JS.API.STREAM.{verb}.*" for verb in ("CREATE", "INFO")),
        f"$JS.API.STREAM.MSG.GET.{subjects.AUDIT}",
        *(f"$JS.API.CONSUMER.{verb}.*.*" for verb in ("DURABLE.CREATE", "INFO")),
        _ALL_INBOXES,
    }
    subscribe = {
        f"{subjects.inboxes(REGISTRY)}.>",
        subjects.HEARTBEATS,
        subjects.REPORTS,
        subjects.SHARES,
        subjects.HEAD,
    }
    return _sorted(publish, subscribe)


def of_authority(tenant: str) -> AllowList:
    """Return what authorities may: they serve renewals to all, follow policy, keep what they issued, publish keys.

    Their certificate is one for all replicas, so that no instance is named here.
    """
    bucket, credentials = subjects.bucket(tenant), subjects.credentials(tenant)
    publish = {
        *_own(AUTHORITY),
        subjects.who(AUTHORITY),
        subjects.KEYS,
        *(f"$KV.{bucket}.{place}" for place in ("authority.>", "revoked", "keys.>", "registry")),
        subjects.REVOKED,
        *_reads(bucket),
        *_keeps(credentials),
        *(f"$JS.API.STREAM.{verb}.KV_{each}" for verb in ("CREATE", "INFO") for each in (bucket, credentials)),
        _ALL_INBOXES,
    }
    subscribe = {
        f"{subjects.inboxes(AUTHORITY)}.>",
        subjects.any_endpoint(AUTHORITY),
        subjects.heartbeats(AUTHORITY),
        subjects.ANNOUNCEMENTS,
        *(subjects.micro(verb, *about) for verb in _VERBS for about in ((), (AUTHORITY,), (AUTHORITY, "*"))),
    }
    return _sorted(publish, subscribe)


def of_system(service: str) -> AllowList:
    """Return what may be done in the brokers' own account: see who is connected, and end that."""
    publish = (
        subjects.EVERY_BROKERS_CONNECTIONS,
        subjects.brokers_connections("*"),
        subjects.end_of_connection("*"),
    )
    return _sorted(publish, (f"{subjects.inboxes(service)}.>",))


def _sorted(publish: Iterable[str], subscribe: Iterable[str]) -> AllowList:
    return AllowList(tuple(sorted(publish)), tuple(sorted(subscribe)))


def _own(service: str) -> tuple[str, ...]:
    """Return where an instance speaks of itself, for whichever of a service's."""
    return (
        subjects.heartbeat(service, "*"),
        subjects.shares(service, "*"),
        subjects.report(service, "*"),
        subjects.audit(service, "*"),
    )


def _inboxes(callers: Iterable[str]) -> Iterator[str]:
    for caller in callers:
        yield _ALL_INBOXES if caller == ANYONE else f"{subjects.inboxes(caller)}.>"


def _reads(bucket: str) -> tuple[str, ...]:
    """Return what reads a bucket: any replica of it, and its leader."""
    return f"$JS.API.DIRECT.GET.KV_{bucket}.$KV.{bucket}.>", f"$JS.API.STREAM.MSG.GET.KV_{bucket}"


def _keeps(bucket: str) -> tuple[str, ...]:
    return f"$KV.{bucket}.>", *_reads(bucket)


def _pulls(service: str, pattern: str) -> tuple[str, ...]:
    """Return what a service needs for its own durable consumer; brokers have two forms of acks (ADR-15)."""
    consumer = f"{subjects.stream(pattern.partition('.')[0])}.{subjects.durable(service, pattern)}"
    return f"$JS.API.CONSUMER.MSG.NEXT.{consumer}", f"$JS.ACK.{consumer}.>", f"$JS.ACK.*.*.{consumer}.>"
