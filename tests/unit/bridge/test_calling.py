"""A POST to an endpoint is a call, steered by header fields."""

from __future__ import annotations

import math

import pytest

from crossply.errors import Code, EndpointFailed, Unavailable
from crossply.handler import Response
from crossply.wire.status import STATUSES
from crossply_bridge.http_message import Fields
from tests.unit.bridge.asking import JSON, TRACE, ask, problem, raising
from tests.unit.bridge.fakes import ScriptedMesh


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


@pytest.mark.parametrize("kind", ["application/msgpack", "application/octet-stream", "Application/JSON; charset=UTF-8"])
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


@pytest.mark.parametrize(("text", "timeout"), [("2.5", 2.5), ("2.5s", 2.5), ("250ms", 0.25), ("3600", 3600.0)])
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
    await ask(mesh, "POST", "/orders/create", [("crossply-key", "customer 7"), ("idempotency-key", '"8e03978e"')])
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
    headers += [("baggage", "tenant=a%20b;prop=1, user=7"), ("baggage", "bad name=1,other=2")]
    await ask(mesh, "POST", "/orders/create", headers)
    assert (mesh.request.traceparent, mesh.request.tracestate) == (TRACE, "a=1,b=2")
    assert mesh.request.baggage == {"tenant": "a b", "user": "7", "other": "2"}


async def test_the_trace_of_a_stranger_is_not_believed() -> None:
    mesh = ScriptedMesh(raising(Unavailable("gone")))
    headers = [("traceparent", TRACE), ("tracestate", "a=1"), ("baggage", "user=7")]
    response = await ask(mesh, "POST", "/orders/create", headers, peer="192.0.2.1")
    assert (mesh.request.traceparent, mesh.request.tracestate) == (None, None)
    assert mesh.request.baggage is None
    assert "trace_id" not in problem(response)


async def test_a_malformed_trace_is_ignored() -> None:
    mesh = ScriptedMesh()
    await ask(mesh, "POST", "/orders/create", [("traceparent", "00-0-0-01"), ("tracestate", "a=1")])
    assert (mesh.request.traceparent, mesh.request.tracestate) == (None, None)
    assert mesh.request.baggage is None


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_page_of_another_site_may_not_call(site: str) -> None:
    mesh = ScriptedMesh()
    assert (await ask(mesh, "POST", "/orders/create", [("sec-fetch-site", site)])).status == 403
    assert not mesh.requests
    assert (await ask(mesh, "POST", "/orders/create", [("sec-fetch-site", "same-origin")])).status == 200


async def test_what_an_endpoint_raised_is_not_told() -> None:
    mesh = ScriptedMesh(raising(EndpointFailed("", trace_id="1" * 32)))
    said = problem(await ask(mesh, "POST", "/orders/create"))
    assert (said["status"], said["code"], said["trace_id"]) == (500, "internal", "1" * 32)
