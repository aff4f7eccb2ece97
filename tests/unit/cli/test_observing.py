"""`crossply stat` and `crossply trace`: what they ask the registry, and how they show it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from crossply_cli.commands.trace import folded, walk, what
from crossply_cli.exit_codes import ExitCode
from tests.unit.cli.running import crossply

TRACE = "0af7651916cd43dd8448eb211c80319c"


def span(span_id: str, parent_id: str, service: str, side: str, operation: str, **more: Any) -> dict[str, Any]:
    return {
        "span_id": span_id,
        "parent_id": parent_id,
        "service": service,
        "side": side,
        "operation": operation,
        "start": 1000.0 + int(span_id) / 1000,
        "duration": 0.25,
        "code": "ok",
        "attempts": 1,
        **more,
    }


ONE: dict[str, Any] = {
    "trace_id": TRACE,
    "began": 1000.0,
    "duration": 0.75,
    "left_out": 0,
    "spans": [
        span("0", "", "web", "caller", "orders.create", attempts=3),
        span("1", "0", "orders", "callee", "orders.create"),
        span("2", "1", "orders", "publisher", "orders.created"),
        span("3", "2", "mailer", "subscriber", "orders.created", code="internal"),
    ],
}
EDGE: dict[str, Any] = {
    "action": "call",
    "reporter": "caller",
    "caller": "web",
    "callee": "orders",
    "operation": "orders.create",
    "count": 120,
    "rate": 2.0,
    "success": 0.75,
    "outcomes": {"ok": 90, "internal": 30},
    "p50": 0.0123,
    "p95": 0.5,
    "p99": None,
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The paths that a registry was asked for, which knows one edge and one trace."""
    paths: list[str] = []
    answers: Mapping[str, Any] = {
        "/v1/stat": {"window": 60.0, "edges": [EDGE]},
        "/v1/traces": {"traces": [ONE]},
        f"/v1/traces/{TRACE}": ONE,
    }

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            known = answers.get(self.path.partition("?")[0])
            body = json.dumps(known or {"detail": "no such trace"}).encode()
            self.send_response(404 if known is None else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    monkeypatch.setenv("CROSSPLY_REGISTRY_URL", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("CROSSPLY_NATS_URL", "nats://127.0.0.1:1")
    yield paths
    server.shutdown()
    server.server_close()
    thread.join()


def test_stat_shows_each_edge_in_a_line(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    ended = crossply(capsys, "stat", "--window", "30")
    assert ended.code == ExitCode.OK
    assert asked == ["/v1/stat?window=30"]
    head, line = ended.out.splitlines()
    assert head.split() == ["FROM", "ACTION", "OPERATION", "BY", "RATE", "SUCCESS", "P50", "P95", "P99"]
    assert line.split() == ["web", "call", "orders.create", "2.0/s", "75.0", "%", "12.3", "ms", "500.0", "ms"]


def test_stat_is_json_for_programs(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(crossply(capsys, "stat", "-o", "json").out) == {"window": 60.0, "edges": [EDGE]}


@pytest.mark.parametrize("window", ["4", "601", "nan", "soon"])
def test_a_window_is_five_seconds_to_ten_minutes(window: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert crossply(capsys, "stat", "--window", window).code == ExitCode.USAGE


@pytest.mark.parametrize("which", [[TRACE], ["--last"], ["--last", "7"]])
def test_a_trace_is_a_tree(which: list[str], asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    ended = crossply(capsys, "trace", *which)
    assert ended.code == ExitCode.OK
    last = "7" if "7" in which else "1"
    assert asked == ([f"/v1/traces/{TRACE}"] if TRACE in which else [f"/v1/traces?last={last}"])
    tree = ended.out.partition("OUTCOME\n")[2].splitlines()
    assert tree[0].startswith("call orders.create (3 attempts)")
    assert [len(line) - len(line.lstrip()) for line in tree] == [0, 2, 4, 6]
    assert "handle orders.created" in tree[3]
    assert tree[3].endswith("internal")


@pytest.mark.parametrize("which", [[], [TRACE, "--last"], ["--last", "0"], ["--last", "101"]])
def test_what_is_no_question_about_traces_is_refused(which: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert crossply(capsys, "trace", *which).code == ExitCode.USAGE


def test_a_trace_that_is_not_there_is_not_found(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    ended = crossply(capsys, "trace", "f" * 32)
    assert ended.code == ExitCode.NOT_FOUND
    assert "crossply trace --last" in ended.err


def test_spans_whose_parents_are_elsewhere_or_each_other_end() -> None:
    strange = [
        span("1", "2", "a", "caller", "x"),
        span("2", "1", "a", "caller", "x"),
        span("3", "9", "a", "caller", "x"),
    ]
    assert [each["span_id"] for _, each in walk(strange)] == ["3"]


def test_attempts_are_shown_where_a_call_had_several_and_say_where_they_went() -> None:
    spans = [
        span("0", "", "web", "caller", "orders.create", attempts=2),
        span("1", "0", "web", "caller", "orders.create", cause="first", addressed="aaaaaaaaaaaa", subset="v2"),
        span("2", "0", "web", "caller", "orders.create", cause="hedge", addressed="", subset="", attempts=2),
        span("3", "2", "orders", "callee", "orders.create"),
        span("4", "3", "orders", "caller", "billing.charge"),
        span("5", "4", "orders", "caller", "billing.charge", cause="first", addressed="bbbbbbbbbbbb", subset=""),
        span("6", "5", "billing", "callee", "billing.charge"),
    ]
    shown = [(depth, what(each)) for depth, each in walk(folded(spans))]
    assert shown == [
        (0, "call orders.create (2 attempts)"),
        (1, "attempt 1 (first) at aaaaaaaaaaaa, subset v2"),
        (1, "attempt 2 (hedge) at the queue group"),
        (2, "serve orders.create"),
        (3, "call billing.charge"),
        (4, "serve billing.charge"),
    ]


def test_an_attempt_whose_call_is_not_told_of_yet_is_shown() -> None:
    alone = span("1", "0", "web", "caller", "orders.create", cause="first", addressed="aaaaaaaaaaaa", subset="")
    assert folded([alone]) == [alone]
