"""What the HTTP API answers, as types; OpenAPI is generated from them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

ETag: TypeAlias = Annotated[str, Meta(description="`generation.revision` of the document's last change, unquoted")]
Seconds: TypeAlias = Annotated[float, Meta(description="seconds")]
UnixSeconds: TypeAlias = Annotated[float, Meta(description="seconds since 1970, UTC")]


class DocumentBody(Struct, frozen=True, kw_only=True):
    """A document in force."""

    kind: str
    name: str
    spec: Annotated[dict[str, Any], Meta(description="what the document says, in the form of its kind")]
    etag: ETag
    generation: int
    revision: Annotated[int, Meta(description="the revision that made it what it is")]


class DocumentSummary(Struct, frozen=True, kw_only=True):
    """A document in a list."""

    kind: str
    name: str
    etag: ETag
    revision: int
    hash: Annotated[str, Meta(description="SHA-256 of its canonical form, in hex")]


class DocumentList(Struct, frozen=True, kw_only=True):
    """The documents in force at one revision."""

    generation: int
    revision: int
    documents: list[DocumentSummary]


class DeletedBody(Struct, frozen=True, kw_only=True):
    """A document that is gone, and the revision that removed it."""

    kind: str
    name: str
    generation: int
    revision: int


class ChangeBody(Struct, frozen=True, kw_only=True):
    """What one revision did to one document."""

    document: Annotated[str, Meta(description="`kind/name`")]
    action: Literal["set", "deleted"]
    hash: str | None


class RevisionBody(Struct, frozen=True, kw_only=True):
    """One revision of the history; `changes` is null where it changed too much to be listed."""

    generation: int
    revision: int
    hash: str
    at: UnixSeconds
    author: str
    reason: str
    changes: list[ChangeBody] | None


class RevisionList(Struct, frozen=True, kw_only=True):
    """A page of the history, newest first; `next` continues it as `?before=`."""

    revisions: list[RevisionBody]
    next: int | None


class EndpointBody(Struct, frozen=True, kw_only=True):
    """An endpoint as its callee declares it."""

    name: str
    idempotent: bool
    stream: bool
    schema: str | None


class SubscriptionBody(Struct, frozen=True, kw_only=True):
    """A channel pattern that a service wants delivered, and how far its durable consumer is."""

    pattern: str
    consumer: Literal["ready", "missing", "unknown"]
    pending: Annotated[int | None, Meta(description="events not delivered yet")]
    unacknowledged: Annotated[int | None, Meta(description="events delivered and not acknowledged yet")]
    redelivered: int | None


class InstanceBody(Struct, frozen=True, kw_only=True):
    """One instance of a service."""

    instance: str
    kind: str
    version: str
    zone: str
    labels: dict[str, str]
    generation: int
    revision: int
    started: UnixSeconds
    last_seen: Annotated[float, Meta(description="seconds since it was heard")]
    endpoints: list[EndpointBody]


class ServiceSummary(Struct, frozen=True, kw_only=True):
    """A service in a list."""

    service: str
    kind: str
    description: str
    versions: list[str]
    instances: int
    endpoints: list[str]
    subscriptions: list[str]
    publishes: list[str]


class ServiceList(Struct, frozen=True, kw_only=True):
    """Every service with a living instance."""

    services: list[ServiceSummary]


class ServiceBody(Struct, frozen=True, kw_only=True):
    """One service with its instances."""

    service: str
    kind: str
    description: str
    instances: list[InstanceBody]
    subscriptions: list[SubscriptionBody]
    publishes: list[str]


class DataPlaneBody(Struct, frozen=True, kw_only=True):
    """How far one data plane is with policy; `refused` says why it keeps an older revision."""

    service: str
    instance: str
    kind: str
    generation: int
    revision: int
    behind: bool
    applied: UnixSeconds
    refused: str
    last_seen: Annotated[float, Meta(description="seconds since it was heard")]


class RegistryBody(Struct, frozen=True, kw_only=True):
    """The replica that answers."""

    instance: str
    version: str
    started: UnixSeconds


class BrokerBody(Struct, frozen=True, kw_only=True):
    """The broker as this replica sees it."""

    connected: bool
    server: str


class HeadBody(Struct, frozen=True, kw_only=True):
    """The newest record, by its hash, and the signature of the registry's key over both places."""

    hash: str
    signature: Annotated[str, Meta(description="Ed25519, in hex")]


class StreamBody(Struct, frozen=True, kw_only=True):
    """The stream of a family of channels, as declared by whoever publishes or subscribes."""

    family: str
    ready: bool
    error: str


class ConsumerBody(Struct, frozen=True, kw_only=True):
    """The durable consumer of a service on a channel pattern."""

    service: str
    pattern: str
    ready: bool
    error: str


class StatusBody(Struct, frozen=True, kw_only=True):
    """The mesh at one glance; `behind` counts the data planes that do not have this revision yet."""

    generation: int
    revision: int
    head: HeadBody
    fault: Annotated[str, Meta(description="why the history cannot be followed; empty when all is well")]
    registry: RegistryBody
    broker: BrokerBody
    data_planes: list[DataPlaneBody]
    behind: int
    streams: list[StreamBody]
    consumers: list[ConsumerBody]


class HealthBody(Struct, frozen=True, kw_only=True):
    """The process lives, or is ready."""

    status: Literal["ok"]
