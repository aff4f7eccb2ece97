"""Warnings on the command line: said on stderr, given as data, and never a reason to fail."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crossply_cli.exit_codes import ExitCode
from crossply_cli.registry_api import RegistryApi
from crossply_policy.parse import parse, plain
from crossply_registry.config import RegistryConfig
from crossply_registry.registry import Registry
from tests.unit.cli.running import crossply
from tests.unit.registry.fakes import FakeLink, api_client

TRAFFIC = """\
kind: Traffic
name: orders
spec:
  subsets:
    v1: {release: "1"}
  failover: [v1, v2]
"""
WARNING = "CP101 Traffic/orders spec.failover[1]: names the subset v2, which nobody defines; it defines v1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "traffic.yaml").write_text(TRAFFIC)
    (tmp_path / "service.yaml").write_text("kind: Service\nname: orders\nspec: {}\n")
    return tmp_path


def test_lint_warns_and_ends_well(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    ended = crossply(capsys, "policy", "lint", "-f", str(folder))
    assert ended.code == ExitCode.OK
    assert ended.err == f"warning: {WARNING}\n"
    assert [line.split() for line in ended.out.splitlines()] == [
        ["DOCUMENT", "WARNINGS"],
        ["Service/orders", "0"],
        ["Traffic/orders", "1"],
    ]


def test_lint_gives_warnings_as_data(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    said = json.loads(crossply(capsys, "policy", "lint", "-f", str(folder), "-o", "json").out)
    assert said["documents"] == ["Service/orders", "Traffic/orders"]
    assert [(one["code"], one["path"]) for one in said["warnings"]] == [("CP101", "spec.failover[1]")]


def test_lint_lists_every_fault(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: Traffic\nname: orders\nspec: {failover: [], routes: [{split: {}}]}\n")
    ended = crossply(capsys, "policy", "lint", "-f", str(tmp_path))
    assert ended.code == ExitCode.INVALID
    assert "spec.failover: is empty" in ended.err
    assert "spec.routes[0].split" in ended.err


async def test_the_registry_compares_and_warns() -> None:
    document = parse({"kind": "Traffic", "name": "orders", "spec": {"failover": ["v2"]}})
    running = Registry(RegistryConfig(), connect=FakeLink().connect)
    await running.start()
    async with api_client(running) as client:
        api = RegistryApi(client, "http://registry")
        found = await api.diff([plain(document)])
        assert [one["action"] for one in found["changes"]] == ["created"]
        assert await api.warnings() == []
        await api.write(document, plain(document), "")
        assert await api.warnings() == found["warnings"]
        assert {one["code"] for one in found["warnings"]} == {"CP101", "CP106"}
    await running.aclose()
