"""The gateway's routes."""

from __future__ import annotations

import json

import pytest

from crossply_bridge.http_message import HttpRequest
from tests.unit.bridge.asking import ask, gateway, problem
from tests.unit.bridge.fakes import ScriptedMesh


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def test_another_method_on_a_call_is_not_allowed(method: str) -> None:
    mesh = ScriptedMesh()
    response = await ask(mesh, method, "/orders/create")
    assert response.status == 405
    assert dict(response.headers)["allow"] == "POST, OPTIONS"
    assert not mesh.requests


async def test_options_says_what_is_allowed() -> None:
    response = await ask(ScriptedMesh(), "OPTIONS", "/orders/create")
    assert (response.status, response.headers) == (204, [("allow", "POST, OPTIONS")])
    star = await ask(ScriptedMesh(), "OPTIONS", "*")
    assert star.status == 204
    assert (await ask(ScriptedMesh(), "GET", "*")).status == 400


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/orders",
        "/orders/",
        "/orders/create/",
        "/orders/create/x",
        "/svc",
        "/svc/",
        "/events/a",
        "/healthz/x",
        "/readyz/x",
    ],
)
async def test_nothing_is_at_other_paths(target: str) -> None:
    response = await ask(ScriptedMesh(), "POST", target)
    assert response.status == 404
    assert problem(response)["code"] == "not_found"


@pytest.mark.parametrize(
    "target",
    [
        "/Orders/create",
        "/orders/*",
        "/orders/a%20b",
        "/any/create",
        "/orders./create",
        "/orders:443/create",
        "/ORDERS/create",
        "/svc/Stock/x",
        "/svc/stock./x",
        "/svc/stock:80/x",
        "/svc/foreign/x",
        "/i-x/create",
        f"/{'a' * 300}/b",
        "/svc/A/x",
        "/svc/*/x",
    ],
)
async def test_a_bad_name_is_refused_with_what_is_wrong_with_it(target: str) -> None:
    mesh = ScriptedMesh()
    response = await ask(mesh, "POST", target)
    assert response.status == 400
    assert "is refused" in problem(response)["detail"]
    assert not mesh.requests


@pytest.mark.parametrize(
    "target",
    ["/orders/../admin", "/orders//create", "/orders%2fcreate", "/orders/a%00b", "http://x/orders/create"],
)
async def test_a_target_that_is_not_in_normal_form_is_refused(target: str) -> None:
    assert (await ask(ScriptedMesh(), "POST", target)).status == 400


@pytest.mark.parametrize("host", ["Payments", "payments.", "payments:443", "PAYMENTS.:80", "orders"])
async def test_the_host_that_is_asked_for_chooses_no_service(host: str) -> None:
    mesh = ScriptedMesh()
    head = [("host", host), ("x-forwarded-host", "payments"), ("content-type", "application/json")]
    await gateway(mesh).exchange(HttpRequest("POST", "/orders/create", head, b"{}", peer="127.0.0.1"))
    assert mesh.request.operation == "orders.create"


async def test_health_and_readiness_are_the_bridges_own() -> None:
    alive = await ask(ScriptedMesh(), "GET", "/healthz")
    assert (alive.status, json.loads(alive.body)) == (200, {"status": "ok"})
    ready = await ask(ScriptedMesh(), "GET", "/readyz")
    assert (ready.status, json.loads(ready.body)) == (200, {"status": "ready"})
    unready = await gateway(ScriptedMesh(), "broker is gone").exchange(HttpRequest("GET", "/readyz"))
    assert unready.status == 503
    assert problem(unready)["detail"] == "broker is gone"
    still = await gateway(ScriptedMesh(), "broker is gone").exchange(HttpRequest("GET", "/healthz"))
    assert still.status == 200
    assert (await ask(ScriptedMesh(), "POST", "/healthz")).status == 405


async def test_metrics_are_for_those_who_may_scrape() -> None:
    scraped = await ask(ScriptedMesh(), "GET", "/metrics")
    assert (scraped.status, scraped.body) == (200, b"mesh_calls_total 1.0\n")
    assert dict(scraped.headers)["content-type"].startswith("text/plain; version=0.0.4")
    assert (await ask(ScriptedMesh(), "POST", "/metrics")).status == 405
    assert (await ask(ScriptedMesh(), "GET", "/metrics", peer="10.0.0.7")).status == 404
