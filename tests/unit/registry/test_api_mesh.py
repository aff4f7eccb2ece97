"""What the API tells of the mesh: services, data planes, health, and how it words errors."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from crossply.wire.link import ConnectionEvent
from crossply.wire.plans import ConsumerState
from crossply.wire.presence import Bye, EndpointHello, Heartbeat, Hello
from crossply_registry.config import RegistryConfig
from crossply_registry.registry import Registry
from tests.unit.registry.fakes import Clock, FakeLink, api_client

CREATE = {"If-None-Match": "*"}
ORDERS = Hello(
    "orders",
    "aaaaaaaaaaaa",
    version="1.2.3",
    zone="a",
    labels={"tier": "gold"},
    description="takes orders",
    started=5.0,
    endpoints=(EndpointHello("create"), EndpointHello("quote", idempotent=True, schema="s")),
    publishes=("orders",),
)
MAILER = Hello("mailer", "bbbbbbbbbbbb", subscriptions=("orders.created", "orders.deleted"))
STOCK = Hello("stock", "cccccccccccc", kind="bridge")


async def test_services_and_bridges_are_listed_and_nothing_else(api: httpx.AsyncClient, link: FakeLink) -> None:
    for hello in (ORDERS, MAILER, STOCK, Hello("cli", "dddddddddddd", kind="client")):
        link.hear(hello)
    listed = (await api.get("/v1/services")).json()["services"]
    assert [(one["service"], one["kind"], one["instances"]) for one in listed] == [
        ("mailer", "service", 1),
        ("orders", "service", 1),
        ("stock", "bridge", 1),
    ]
    assert listed[1] == {
        "service": "orders",
        "kind": "service",
        "description": "takes orders",
        "versions": ["1.2.3"],
        "instances": 1,
        "endpoints": ["create", "quote"],
        "subscriptions": [],
        "publishes": ["orders"],
    }


async def test_a_service_shows_its_instances_with_their_endpoints(
    api: httpx.AsyncClient, link: FakeLink, clock: Clock
) -> None:
    link.hear(ORDERS)
    clock.now += 2.5
    (instance,) = (await api.get("/v1/services/orders")).json()["instances"]
    assert instance == {
        "instance": "aaaaaaaaaaaa",
        "kind": "service",
        "version": "1.2.3",
        "zone": "a",
        "labels": {"tier": "gold"},
        "generation": 0,
        "revision": 0,
        "started": 5.0,
        "last_seen": 2.5,
        "endpoints": [
            {"name": "create", "idempotent": False, "stream": False, "schema": None},
            {"name": "quote", "idempotent": True, "stream": False, "schema": "s"},
        ],
    }


async def test_a_service_shows_how_far_its_consumers_are(api: httpx.AsyncClient, link: FakeLink) -> None:
    link.hear(MAILER)
    link.streams.states["mailer", "orders.created"] = ConsumerState(pending=3, ack_pending=2, redelivered=1)
    shown = (await api.get("/v1/services/mailer")).json()["subscriptions"]
    nothing = {"pending": None, "unacknowledged": None, "redelivered": None}
    assert shown == [
        {
            "pattern": "orders.created",
            "consumer": "ready",
            "pending": 3,
            "unacknowledged": 2,
            "redelivered": 1,
        },
        {"pattern": "orders.deleted", "consumer": "missing", **nothing},
    ]
    link.streams.available = False
    shown = (await api.get("/v1/services/mailer")).json()["subscriptions"]
    assert [one["consumer"] for one in shown] == ["unknown", "unknown"]


async def test_a_service_that_left_is_not_found(api: httpx.AsyncClient, link: FakeLink) -> None:
    link.hear(ORDERS)
    link.hear(Bye("orders", "aaaaaaaaaaaa"))
    assert (await api.get("/v1/services/orders")).status_code == 404
    assert (await api.get("/v1/services/Or%20ders")).status_code == 400


async def test_status_counts_who_does_not_have_the_revision_yet(api: httpx.AsyncClient, link: FakeLink) -> None:
    for hello in (ORDERS, MAILER, STOCK):
        link.hear(hello)
    await api.put("/v1/documents/Service/orders", json={"spec": {}}, headers=CREATE)
    link.hear(Heartbeat("orders", "aaaaaaaaaaaa", generation=1, revision=1, applied=7.0))
    link.hear(Heartbeat("mailer", "bbbbbbbbbbbb", generation=1, revision=0, refused="cannot read it"))
    status = (await api.get("/v1/status")).json()
    assert (status["generation"], status["revision"], status["behind"]) == (1, 1, 2)
    planes = {one["service"]: one for one in status["data_planes"]}
    assert planes["orders"] == {
        "service": "orders",
        "instance": "aaaaaaaaaaaa",
        "kind": "service",
        "generation": 1,
        "revision": 1,
        "behind": False,
        "applied": 7.0,
        "refused": "",
        "last_seen": 0.0,
    }
    assert (planes["mailer"]["behind"], planes["mailer"]["refused"]) == (True, "cannot read it")
    assert planes["stock"]["behind"]


async def test_status_tells_of_registry_broker_head_and_what_is_provided(
    api: httpx.AsyncClient, link: FakeLink, registry: Registry
) -> None:
    link.hear(MAILER)
    await registry.parts.provisioning.provide()
    status = (await api.get("/v1/status")).json()
    assert status["registry"]["instance"] == registry.instance
    assert status["broker"] == {"connected": True, "server": "127.0.0.1:4222"}
    assert status["head"] == {
        "hash": registry.parts.revisions.head.hash,
        "signature": registry.parts.revisions.head.signature.hex(),
    }
    assert status["fault"] == ""
    assert status["streams"] == [{"family": "orders", "ready": True, "error": ""}]
    assert [(one["service"], one["pattern"], one["ready"]) for one in status["consumers"]] == [
        ("mailer", "orders.created", True),
        ("mailer", "orders.deleted", True),
    ]


async def test_a_registry_says_hello_as_a_registry_and_bye_at_its_end(link: FakeLink) -> None:
    registry = Registry(RegistryConfig(), connect=link.connect)
    await registry.start()
    await registry.aclose()
    hello, bye = link.said
    assert isinstance(hello, Hello)
    assert (hello.kind, hello.instance) == ("registry", registry.instance)
    assert (hello.generation, hello.subscriptions, hello.publishes) == (1, (), ())
    assert bye == Bye("registry", registry.instance)
    assert link.closed


async def test_a_ready_registry_says_so_and_one_without_a_broker_why_not(
    api: httpx.AsyncClient, link: FakeLink
) -> None:
    assert (await api.get("/healthz")).json() == {"status": "ok"}
    assert (await api.get("/readyz")).json() == {"status": "ok"}
    link.happen(ConnectionEvent.DISCONNECTED)
    answer = await api.get("/readyz")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert "broker is not connected" in answer.json()["detail"]
    assert (await api.get("/healthz")).status_code == 200
    assert (await api.get("/v1/status")).json()["broker"]["connected"] is False


async def test_a_registry_with_a_broken_history_is_not_ready(
    api: httpx.AsyncClient, link: FakeLink, registry: Registry
) -> None:
    link.store.entries.clear()
    answer = await api.put("/v1/documents/Service/a", json={"spec": {}}, headers=CREATE)
    assert answer.status_code == 503
    assert (await api.get("/readyz")).status_code == 503
    assert "emptied" in (await api.get("/v1/status")).json()["fault"]


async def test_before_the_broker_is_there_only_the_process_is_well(link: FakeLink) -> None:
    waiting = Registry(RegistryConfig(), connect=link.connect)
    async with api_client(waiting) as api:
        assert (await api.get("/healthz")).status_code == 200
        for path in ("/readyz", "/v1/status", "/v1/documents", "/v1/services", "/v1/revisions"):
            answer = await api.get(path)
            assert answer.status_code == 503, path
            assert answer.json()["retryable"] is True
            assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/schema", 404, "not_found"),
        ("GET", "/openapi.json/anything", 404, "not_found"),
        ("GET", "/openapi.json/openapi.json", 404, "not_found"),
        ("POST", "/v1/documents/Service/a", 405, "unimplemented"),
        ("DELETE", "/v1/status", 405, "unimplemented"),
        ("PATCH", "/openapi.json", 405, "unimplemented"),
    ],
)
async def test_the_framework_s_own_errors_are_problems_too(
    api: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await api.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert (said["status"], said["code"], said["retryable"]) == (status, code, False)
    assert "trace_id" not in said
    if status == 405:
        assert "OPTIONS" in answer.headers["allow"]


async def test_an_error_inside_has_a_trace_id_and_no_text(
    api: httpx.AsyncClient, link: FakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("a secret")

    link.hear(ORDERS)
    monkeypatch.setattr("crossply_registry.api.services._summary", fail)
    with capture_logs() as logs:
        answer = await api.get("/v1/services")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert (said["code"], said["retryable"], len(said["trace_id"])) == ("internal", False, 32)
    assert "secret" not in answer.text
    (logged,) = [one for one in logs if one["event"] == "request_failed"]
    assert logged["trace_id"] == said["trace_id"]
    assert isinstance(logged["exc_info"], ZeroDivisionError)


async def test_a_problem_carries_the_trace_id_of_the_request(api: httpx.AsyncClient) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = await api.get("/v1/nothing", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert answer.json()["trace_id"] == trace
    assert "trace_id" not in (await api.get("/v1/nothing", headers={"traceparent": "x"})).json()
