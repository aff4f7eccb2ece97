"""`crossply policy explain`: the decision first, then each value with who said it."""

from __future__ import annotations

from typing import Any

import pytest

from crossply_cli.exit_codes import ExitCode
from crossply_cli.registry_api import RegistryApi
from tests.unit.cli.running import crossply

ACCESS: dict[str, Any] = {"allowed": True, "rule": "web", "revision": 4, "would": True, "would_rule": "web"}


@pytest.mark.parametrize(
    ("access", "verdict"),
    [
        ({}, "allowed by Access/web (revision 4)"),
        ({"allowed": False, "would": False}, "denied by Access/web (revision 4)"),
        (
            {"allowed": False, "would": False, "rule": "default", "revision": None},
            "denied by default: no Access document allows it",
        ),
        (
            {"would": False, "would_rule": "tighter"},
            "allowed by Access/web (revision 4); denied once Access/tighter is enforced",
        ),
    ],
)
def test_the_decision_and_its_rule_come_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], access: dict[str, Any], verdict: str
) -> None:
    asked: list[dict[str, str]] = []

    async def explain(_api: RegistryApi, **said: str) -> dict[str, Any]:
        asked.append(said)
        values = [
            {"path": "timeout.total", "value": 2.0, "source": "Service/orders", "revision": 3},
            {"path": "idempotent", "value": None, "source": "built-in", "revision": None},
        ]
        return {"access": ACCESS | access, "values": values}

    monkeypatch.setattr(RegistryApi, "explain", explain)
    monkeypatch.setenv("CROSSPLY_NATS_URL", "nats://127.0.0.1:1")
    monkeypatch.setenv("CROSSPLY_REGISTRY_URL", "http://127.0.0.1:1")
    ended = crossply(capsys, "policy", "explain", "--from", "web", "--to", "stock.http-get", "--path", "/items")
    assert ended.code == ExitCode.OK
    first, _, head, *rows = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert first == f"access {verdict}"
    assert head == "VALUE IN FORCE SAID BY REVISION"
    assert rows == ["timeout.total 2.0 Service/orders 3", "idempotent not said built-in"]
    assert asked == [{"from": "web", "to": "stock.http-get", "path": "/items"}]
