"""A call that carries HTTP becomes a request to the application, and its answer a reply."""

from __future__ import annotations

import pytest

from crossply.errors import InvalidArgument, Unavailable
from crossply.handler import HttpHead, Request, Response
from crossply_bridge.app_reply import AppReply
from crossply_bridge.sidecar import endpoints
from tests.unit.bridge.fakes import ScriptedApplication

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def call(path: str = "/a", headers: list[tuple[str, str]] | None = None, **more: object) -> Request:
    return Request("stock.http-get", http=HttpHead(path, headers or []), **more)  # type: ignore[arg-type]


async def exchange(application: ScriptedApplication, request: Request, method: str = "get") -> Response:
    return await endpoints(application)[f"http-{method}"][0](request)


def test_every_method_is_an_endpoint_and_says_whether_it_may_be_repeated() -> None:
    facts = {name: facts.idempotent for name, (_, facts) in endpoints(ScriptedApplication(AppReply(200))).items()}
    assert facts == {
        "http-get": True,
        "http-head": True,
        "http-put": True,
        "http-delete": True,
        "http-options": True,
        "http-post": False,
        "http-patch": False,
    }


async def test_the_request_is_passed_whole() -> None:
    application = ScriptedApplication(AppReply(201, [("content-type", "text/plain"), ("set-cookie", "a")], b"made"))
    request = call("/items/a?x=1", [("Accept", "*/*"), ("content-type", "text/csv")], body=b"a,b", deadline=1234.5)
    response = await exchange(application, request, "post")
    (sent,) = application.requests
    assert (sent.method, sent.path, sent.body) == ("POST", "/items/a?x=1", b"a,b")
    assert sent.headers == [("accept", "*/*"), ("content-type", "text/csv")]
    assert application.deadlines == [1234.5]
    assert (response.status, response.body) == (201, b"made")
    assert response.headers == [("content-type", "text/plain"), ("set-cookie", "a")]
    assert response.facts is not None
    assert not response.facts.idempotent


async def test_a_caller_that_is_no_bridge_is_checked_as_well() -> None:
    application = ScriptedApplication(AppReply(200))
    for path in ("/../secret", "a", "/a%2fb", "//x", "/a\r\nHost: b", "/a b", "http://x/"):
        with pytest.raises(InvalidArgument):
            await exchange(application, call(path))
    for field in (("x", "a\r\nb: c"), ("x\r\ny", "a"), ("x y", "a"), ("x", "a\x00")):
        with pytest.raises(InvalidArgument):
            await exchange(application, call("/a", [field]))
    with pytest.raises(InvalidArgument, match="/svc/stock/"):
        await exchange(application, Request("stock.http-get"))
    assert not application.requests


async def test_fields_of_the_hop_and_of_the_mesh_do_not_reach_the_application() -> None:
    application = ScriptedApplication(AppReply(200))
    headers = [
        ("Connection", "X-Hop"),
        ("X-Hop", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "99"),
        ("Host", "elsewhere"),
        ("Crossply-Key", "1"),
        ("Crossply_Key", "1"),
        ("Nats-Rollup", "all"),
        ("Transfer_Encoding", "chunked"),
        ("X-Original-URL", "/admin"),
        ("X_HTTP_Method_Override", "DELETE"),
        ("Accept", "*/*"),
    ]
    await exchange(application, call("/a", headers))
    assert application.requests[0].headers == [("accept", "*/*")]


async def test_the_application_learns_the_trace_of_the_call() -> None:
    application = ScriptedApplication(AppReply(200))
    claimed = [("traceparent", "forged"), ("tracestate", "forged")]
    claimed.append(("baggage", "forged=1"))
    said = {"user": "7 8", "no good": "1"}
    await exchange(application, call("/a", claimed, traceparent=TRACE, tracestate="a=1", baggage=said))
    assert application.requests[0].headers == [
        ("traceparent", TRACE),
        ("tracestate", "a=1"),
        ("baggage", "user=7%208"),
    ]


async def test_fields_of_the_hop_do_not_come_back() -> None:
    headers = [
        ("connection", "keep-alive, x-a"),
        ("x-a", "1"),
        ("keep-alive", "5"),
        ("content-length", "5"),
        ("nats-x", "1"),
        ("date", "now"),
    ]
    application = ScriptedApplication(AppReply(200, headers, b"hello"))
    assert (await exchange(application, call())).headers == [("date", "now")]


async def test_an_answer_to_head_keeps_the_length_it_speaks_of() -> None:
    application = ScriptedApplication(AppReply(200, [("content-length", "42")]))
    assert (await exchange(application, call(), "head")).headers == [("content-length", "42")]


async def test_a_failure_is_the_calls_failure() -> None:
    with pytest.raises(Unavailable):
        await exchange(ScriptedApplication(Unavailable("gone")), call())


@pytest.mark.parametrize("status", [204, 302, 404, 418, 500, 503])
async def test_whatever_the_application_answers_is_an_answer(status: int) -> None:
    assert (await exchange(ScriptedApplication(AppReply(status)), call())).status == status
