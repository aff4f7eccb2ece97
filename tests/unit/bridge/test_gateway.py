"""The gateway's routes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from crossply.errors import Code, EndpointFailed, IntegrityFailed, Unavailable
from crossply.handler import Request, Response
from crossply.wire.status import STATUSES
from crossply_bridge.gateway import Gateway
from crossply_bridge.http_message import Fields, HttpRequest, HttpResponse
from crossply_bridge.trust import parse_trust
from tests.unit.bridge.fakes import ManualClock, ScriptedMesh

JSON: Fields = [("content-type", "application/json")]
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
Answer = Callable[[Request], Response]


def gateway(mesh: ScriptedMesh, why_not: str | None = None, trust: str = "loopback") -> Gateway:
    return Gateway(mesh.outbound, lambda: why_not, parse_trust(trust), ManualClock(1000.0))


async def ask(
    mesh: ScriptedMesh,
    method: str,
    target: str,
    headers: Fields | None = None,
    body: bytes = b"",
    peer: str = "127.0.0.1",
) -> HttpResponse:
    request = HttpRequest(method, target, [("host", "edge"), *(headers or [])], body, peer=peer)
    return await gateway(mesh).exchange(request)


def raising(error: Exception) -> Answer:
    def answer(request: Request) -> Response:
        raise error

    return answer


def problem(response: HttpResponse) -> dict[str, Any]:
    assert dict(response.headers)["content-type"] == "application/problem+json"
    said: dict[str, Any] = json.loads(response.body)
    return said


async def test_a_post_to_an_endpoint_is_a_call() -> None:
    mesh = ScriptedMesh(lambda request: Response(b'{"order":1}', "application/json"))
    response = await ask(mesh, "POST", "/orders/create", JSON, b'{"sku":"a"}')
    assert (response.status, response.body) == (200, b'{"order":1}')
    assert response.headers == [("content-type", "application/json")]
    request = mesh.request
    assert (request.operation, request.body, request.content_type) == (
        "orders.create",
        b'{"sku":"a"}',
        "application/json",
    )
    assert len(request.id) == 16
    assert request.http is None
    assert request.idempotent is None
    assert request.deadline == math.inf


async def test_an_empty_body_means_no_arguments() -> None:
    mesh = ScriptedMesh()
    assert (await ask(mesh, "POST", "/orders/list")).status == 200
    assert (mesh.request.body, mesh.request.content_type) == (b"{}", "application/json")


@pytest.mark.parametrize(
    "kind", ["application/msgpack", "application/octet-stream", "Application/JSON; charset=UTF-8"]
)
async def test_bodies_of_the_meshs_own_types_pass_as_they_are(kind: str) -> None:
    mesh = ScriptedMesh()
    assert (await ask(mesh, "POST", "/orders/create", [("content-type", kind)], b"\x80")).status == 200
    assert mesh.request.body == b"\x80"
    assert mesh.request.content_type == kind.partition(";")[0].lower()


@pytest.mark.parametrize(
    "headers",
    [
        [("content-type", "application/x-www-form-urlencoded")],
        [("content-type", "text/plain")],
        [("content-type", "application/json; charset=latin-1")],
        [("content-type", "")],
        [],
    ],
)
async def test_a_body_of_another_type_is_refused(headers: Fields) -> None:
    mesh = ScriptedMesh()
    response = await ask(mesh, "POST", "/orders/create", headers, b"sku=a")
    assert response.status == 415
    assert "application/json" in problem(response)["detail"]
    assert not mesh.requests


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


async def test_a_call_has_no_query() -> None:
    assert (await ask(ScriptedMesh(), "POST", "/orders/create?sku=a")).status == 400


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
async def test_each_failure_of_a_call_has_its_status(code: Code) -> None:
    row = STATUSES[code]
    mesh = ScriptedMesh(raising(row.error("it failed", code=code, executed=row.executed)))
    response = await ask(mesh, "POST", "/orders/create", [("traceparent", TRACE)])
    assert response.status == row.http
    assert problem(response)["code"] == code.value
    assert problem(response)["trace_id"] == TRACE[3:35]


@pytest.mark.parametrize(
    ("text", "timeout"), [("2.5", 2.5), ("2.5s", 2.5), ("250ms", 0.25), ("3600", 3600.0)]
)
async def test_a_client_bounds_its_call(text: str, timeout: float) -> None:
    mesh = ScriptedMesh()
    assert (await ask(mesh, "POST", "/orders/create", [("crossply-timeout", text)])).status == 200
    assert mesh.request.deadline == pytest.approx(1000.0 + timeout)


@pytest.mark.parametrize("text", ["", "0", "-1", "soon", "1e3", "inf", "nan", "3601", "1 s", "1m", "٣"])
async def test_a_timeout_that_is_none_is_refused(text: str) -> None:
    mesh = ScriptedMesh()
    assert (await ask(mesh, "POST", "/orders/create", [("crossply-timeout", text)])).status == 400
    assert not mesh.requests


async def test_keys_travel_with_the_call() -> None:
    mesh = ScriptedMesh()
    await ask(
        mesh, "POST", "/orders/create", [("crossply-key", "customer 7"), ("idempotency-key", '"8e03978e"')]
    )
    assert (mesh.request.key, mesh.request.idempotency_key) == ("customer 7", '"8e03978e"')


@pytest.mark.parametrize("name", ["crossply-key", "idempotency-key"])
async def test_a_key_is_short_and_printable(name: str) -> None:
    for value in ("", "a" * 256, "caf\xe9", "tab\tin"):
        assert (await ask(ScriptedMesh(), "POST", "/orders/create", [(name, value)])).status == 400


async def test_a_header_that_stands_twice_is_refused() -> None:
    for name in ("crossply-timeout", "crossply-key", "idempotency-key", "traceparent", "content-type"):
        mesh = ScriptedMesh()
        twice = [(name, "1"), (name, "2")]
        assert (await ask(mesh, "POST", "/orders/create", twice, b"{}")).status == 400
        assert not mesh.requests


async def test_the_trace_of_a_trusted_client_goes_on() -> None:
    mesh = ScriptedMesh()
    headers = [("traceparent", TRACE), ("tracestate", "a=1"), ("tracestate", "b=2")]
    await ask(mesh, "POST", "/orders/create", headers)
    assert (mesh.request.traceparent, mesh.request.tracestate) == (TRACE, "a=1,b=2")


async def test_the_trace_of_a_stranger_is_not_believed() -> None:
    mesh = ScriptedMesh(raising(Unavailable("gone")))
    headers = [("traceparent", TRACE), ("tracestate", "a=1")]
    response = await ask(mesh, "POST", "/orders/create", headers, peer="192.0.2.1")
    assert (mesh.request.traceparent, mesh.request.tracestate) == (None, None)
    assert "trace_id" not in problem(response)


async def test_a_malformed_trace_is_ignored() -> None:
    mesh = ScriptedMesh()
    await ask(mesh, "POST", "/orders/create", [("traceparent", "00-0-0-01"), ("tracestate", "a=1")])
    assert (mesh.request.traceparent, mesh.request.tracestate) == (None, None)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_page_of_another_site_may_not_call(site: str) -> None:
    mesh = ScriptedMesh()
    assert (await ask(mesh, "POST", "/orders/create", [("sec-fetch-site", site)])).status == 403
    assert not mesh.requests
    assert (await ask(mesh, "POST", "/orders/create", [("sec-fetch-site", "same-origin")])).status == 200


async def test_http_is_passed_whole() -> None:
    answer = Response(
        b"made",
        status=201,
        headers=[("Content-Type", "text/plain"), ("Set-Cookie", "a"), ("Set-Cookie", "b")],
    )
    mesh = ScriptedMesh(lambda request: answer)
    headers = [
        ("accept", "text/*"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("crossply-key", "k"),
        ("content-length", "4"),
    ]
    response = await ask(mesh, "POST", "/svc/stock/items/a?x=%2F..#"[:-1], headers, b"body", peer="192.0.2.9")
    assert (response.status, response.body) == (201, b"made")
    assert response.headers == [("content-type", "text/plain"), ("set-cookie", "a"), ("set-cookie", "b")]
    request = mesh.request
    assert (request.operation, request.body, request.key) == ("stock.http-post", b"body", "k")
    assert request.http is not None
    assert request.http.path == "/items/a?x=%2F.."
    assert request.http.headers == [
        ("accept", "text/*"),
        ("x-forwarded-for", "192.0.2.9"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "edge"),
        ("via", "1.1 crossply"),
    ]


@pytest.mark.parametrize(
    ("target", "path"),
    [("/svc/stock", "/"), ("/svc/stock/", "/"), ("/svc/stock?a", "/?a"), ("/svc/stock/a/", "/a/")],
)
async def test_the_path_is_what_follows_the_service(target: str, path: str) -> None:
    mesh = ScriptedMesh(lambda request: Response(status=200))
    await ask(mesh, "GET", target)
    assert mesh.request.http is not None
    assert mesh.request.http.path == path


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "POST", "PATCH"])
async def test_the_method_is_in_the_operation_and_says_what_may_be_repeated(method: str) -> None:
    mesh = ScriptedMesh(lambda request: Response(status=200))
    await ask(mesh, method, "/svc/stock/a")
    assert mesh.request.operation == f"stock.http-{method.lower()}"
    assert mesh.request.idempotent is (None if method in {"POST", "PATCH"} else True)


async def test_the_status_of_the_application_is_passed_on_whatever_it_is() -> None:
    for status in (204, 301, 404, 418, 500, 503):
        mesh = ScriptedMesh(lambda request, status=status: Response(b"x", status=status))  # type: ignore[misc]
        assert (await ask(mesh, "GET", "/svc/stock/a")).status == status


async def test_fields_that_belong_to_the_mesh_or_a_hop_are_not_passed_back() -> None:
    headers = [
        ("Connection", "x-a"),
        ("X-A", "1"),
        ("Nats-Msg-Id", "1"),
        ("Crossply-Peer", "1"),
        ("Content-Length", "9"),
        ("Date", "then"),
    ]
    mesh = ScriptedMesh(lambda request: Response(b"x", status=200, headers=headers))
    assert (await ask(mesh, "GET", "/svc/stock/a")).headers == [("date", "then")]


async def test_an_answer_to_head_keeps_the_length_it_speaks_of() -> None:
    mesh = ScriptedMesh(lambda request: Response(status=200, headers=[("content-length", "42")]))
    assert (await ask(mesh, "HEAD", "/svc/stock/a")).headers == [("content-length", "42")]


@pytest.mark.parametrize(
    "answer",
    [
        Response(b"x"),
        Response(b"x", status=101),
        Response(b"x", status=99),
        Response(b"x", status=1000),
        Response(b"x", status=200, headers=[("x", "a\r\nset-cookie: b")]),
        Response(b"x", status=200, headers=[("x y", "a")]),
    ],
)
async def test_an_answer_that_is_not_http_is_a_bad_gateway(answer: Response) -> None:
    response = await ask(ScriptedMesh(lambda request: answer), "GET", "/svc/stock/a")
    assert response.status == 502
    assert problem(response)["code"] == IntegrityFailed.code


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


async def test_what_an_endpoint_raised_is_not_told() -> None:
    mesh = ScriptedMesh(raising(EndpointFailed("", trace_id="1" * 32)))
    said = problem(await ask(mesh, "POST", "/orders/create"))
    assert (said["status"], said["code"], said["trace_id"]) == (500, "internal", "1" * 32)
