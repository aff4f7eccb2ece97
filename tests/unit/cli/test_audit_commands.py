"""`crossply audit`: what it asks the registry, and how it shows it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from crossply_cli.exit_codes import ExitCode
from tests.unit.cli.running import crossply


def entry(number: int, **said: Any) -> dict[str, Any]:
    return {
        "sequence": number,
        "at": 1000.0 + number,
        "outcome": "denied",
        "action": "call",
        "service": "orders",
        "instance": "b" * 12,
        "caller": "web",
        "operation": "orders.create",
        "rule": "no-web",
        "reason": "",
        **said,
    }


class Stream:
    """What a registry answers: two decisions, and one more each time that it is asked for what is newer."""

    def __init__(self) -> None:
        self.asked: list[dict[str, list[str]]] = []
        self.entries = [entry(1), entry(2, outcome="unopened", rule="", reason="replayed")]
        self.dropped = 0

    def answer(self, asked: dict[str, list[str]]) -> dict[str, Any]:
        self.asked.append(asked)
        entries = self.entries
        if "after" in asked:
            entries = [entry(int(asked["after"][0]) + 1)]
        after = entries[-1]["sequence"] if entries else 0
        return {"entries": entries, "after": after, "dropped": self.dropped, "unread": 0, "more": len(self.asked) < 4}


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stream]:
    made = Stream()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            assert parts.path == "/v1/audit"
            body = json.dumps(made.answer(parse_qs(parts.query))).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base names it so
            """Say nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("CROSSPLY_NATS_URL", "nats://127.0.0.1:1")
        monkeypatch.setenv("CROSSPLY_REGISTRY_URL", f"http://127.0.0.1:{server.server_port}")
        yield made
        server.shutdown()


def test_the_last_decisions_are_a_line_each(stream: Stream, capsys: pytest.CaptureFixture[str]) -> None:
    ended = crossply(capsys, "audit", "ls", "--last", "5")
    assert ended.code == ExitCode.OK
    head, first, second = ended.out.splitlines()
    assert head.split() == ["AT", "DECIDED", "BY", "OUTCOME", "CALLER", "ACTION", "ON", "RULE"]
    assert first.split() == [
        "1970-01-01T00:16:41.000+00:00",
        f"orders/{'b' * 12}",
        "denied",
        "web",
        "call",
        "orders.create",
        "no-web",
    ]
    assert second.split()[-1] == "replayed"
    assert stream.asked == [{"last": ["5"]}]


def test_what_is_asked_for_is_asked_of_the_registry(stream: Stream, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ("--outcome", "would_deny", "--from", "web", "--to", "orders.create")
    ended = crossply(capsys, "audit", "ls", *chosen, "-o", "json")
    assert [each["sequence"] for each in json.loads(ended.out)["entries"]] == [1, 2]
    assert stream.asked == [
        {"last": ["20"], "outcome": ["would_deny"], "caller": ["web"], "operation": ["orders.create"]}
    ]


def test_decisions_are_followed_from_the_newest_on(stream: Stream, capsys: pytest.CaptureFixture[str]) -> None:
    ended = crossply(capsys, "audit", "tail", "--from", "web", "--for", "1.5")
    assert ended.code == ExitCode.OK
    assert len(ended.out.splitlines()) >= 2
    assert stream.asked[0] == {"last": ["1"]}
    assert [each["after"] for each in stream.asked[1:3]] == [["2"], ["3"]]
    assert all(each["caller"] == ["web"] for each in stream.asked[1:])


def test_where_nothing_was_told_it_is_said(stream: Stream, capsys: pytest.CaptureFixture[str]) -> None:
    stream.entries, stream.dropped = [], 3
    ended = crossply(capsys, "audit", "ls")
    assert "nothing was told of" in ended.err
    assert "had no room for 3 more" in ended.err


def test_an_outcome_that_is_none_is_a_mistake_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert crossply(capsys, "audit", "ls", "--outcome", "maybe").code == ExitCode.USAGE
