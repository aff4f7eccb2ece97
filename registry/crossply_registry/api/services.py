"""``/v1/services``: who is in the mesh."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from crossply.wire.link import StoreUnavailable, Streams
from crossply.wire.presence import EndpointHello
from crossply_policy import names
from crossply_registry.api.bodies import (
    EndpointBody,
    InstanceBody,
    ServiceBody,
    ServiceList,
    ServiceSummary,
    SubscriptionBody,
)
from crossply_registry.api.problems import ApiFault, refusals
from crossply_registry.catalog.catalog import Catalog
from crossply_registry.catalog.instance import Instance
from crossply_registry.registry import Registry

_ASKED_FOR: Final = 2.0


class Services(Controller):
    """Services with living instances; registries and clients are not listed."""

    path = "/v1/services"
    tags = ("services",)

    @get(responses=refusals(503))
    async def list_services(self, registry: NamedDependency[Registry]) -> ServiceList:
        """List the services."""
        by_service: dict[str, list[Instance]] = {}
        for instance in registry.parts.catalog.data_planes():
            by_service.setdefault(instance.hello.service, []).append(instance)
        return ServiceList(services=[_summary(name, found) for name, found in by_service.items()])

    @get("/{name:str}", responses=refusals(400, 404, 503))
    async def read(self, registry: NamedDependency[Registry], name: FromPath[str]) -> ServiceBody:
        """Read one service with its instances, and how far its durable consumers are."""
        try:
            names.service(name)
        except names.NameFault as fault:
            raise ApiFault(400, str(fault)) from fault
        parts = registry.parts
        found = parts.catalog.service(name)
        if not found:
            raise ApiFault(404, f"service {name} has no living instance")
        patterns = _union(one.hello.subscriptions for one in found)
        return ServiceBody(
            service=name,
            kind=found[0].hello.kind,
            description=_description(found),
            instances=[_instance(parts.catalog, one) for one in found],
            subscriptions=await asyncio.gather(*(_subscription(parts.link.streams, name, one) for one in patterns)),
            publishes=_union(one.hello.publishes for one in found),
        )


def _summary(name: str, found: list[Instance]) -> ServiceSummary:
    return ServiceSummary(
        service=name,
        kind=found[0].hello.kind,
        description=_description(found),
        versions=sorted({one.hello.version for one in found}),
        instances=len(found),
        endpoints=_union(tuple(endpoint.name for endpoint in one.hello.endpoints) for one in found),
        subscriptions=_union(one.hello.subscriptions for one in found),
        publishes=_union(one.hello.publishes for one in found),
    )


def _instance(catalog: Catalog, one: Instance) -> InstanceBody:
    return InstanceBody(
        instance=one.hello.instance,
        kind=one.hello.kind,
        version=one.hello.version,
        zone=one.zone,
        labels=one.labels,
        generation=one.generation,
        revision=one.revision,
        started=one.hello.started,
        last_seen=round(catalog.age(one), 3),
        endpoints=[_endpoint(endpoint) for endpoint in one.hello.endpoints],
    )


def _endpoint(one: EndpointHello) -> EndpointBody:
    return EndpointBody(name=one.name, idempotent=one.idempotent, stream=one.stream, schema=one.schema)


async def _subscription(streams: Streams, service: str, pattern: str) -> SubscriptionBody:
    try:
        async with asyncio.timeout(_ASKED_FOR):
            state = await streams.consumer_state(service, pattern)
    except (StoreUnavailable, TimeoutError):
        return SubscriptionBody(
            pattern=pattern, consumer="unknown", pending=None, unacknowledged=None, redelivered=None
        )
    if state is None:
        return SubscriptionBody(
            pattern=pattern, consumer="missing", pending=None, unacknowledged=None, redelivered=None
        )
    return SubscriptionBody(
        pattern=pattern,
        consumer="ready",
        pending=state.pending,
        unacknowledged=state.ack_pending,
        redelivered=state.redelivered,
    )


def _description(found: list[Instance]) -> str:
    return next((one.hello.description for one in found if one.hello.description), "")


def _union(each: Iterable[tuple[str, ...]]) -> list[str]:
    return sorted({text for texts in each for text in texts})
