"""An HTTP request is passed whole, but for what the edge keeps to itself."""

from __future__ import annotations

import pytest

from crossply.errors import IntegrityFailed
from crossply.handler import Response
from tests.unit.bridge.asking import ask, problem
from tests.unit.bridge.fakes import ScriptedMesh


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
