"""`crossply policy diff` and `apply` against a registry: what would change, and what is in doubt."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.registry_process import RegistryProcess
from tests.support.waiting import eventually_awaited

DOCUMENT = """\
kind: Traffic
name: orders
spec:
  subsets:
    v1: {release: "1"}
    v2: {release: "2"}
  routes:
    - split: {v1: 90, v2: 10, v3: 1}
"""


@pytest.fixture
async def registry(tmp_path: Path, broker: Broker) -> AsyncIterator[RegistryProcess]:
    async with RegistryProcess(tmp_path / "registry", broker.url) as running:
        yield await running.ready()


async def crossply(registry: RegistryProcess, *arguments: str) -> tuple[int, str, str]:
    """Run the command and return its exit code, stdout and stderr."""
    environ = {**os.environ, "CROSSPLY_REGISTRY_URL": f"http://127.0.0.1:{registry.port}"}
    command = await asyncio.create_subprocess_exec(
        sys.executable,
        "-Im",
        "crossply_cli",
        *arguments,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await command.communicate()
    return command.returncode or 0, out.decode(), err.decode()


async def test_a_document_is_compared_applied_and_warned_of(
    registry: RegistryProcess, meshes: Meshes, tmp_path: Path
) -> None:
    await meshes.start(meshes.new("orders", labels={"release": "1"}))
    await eventually_awaited(lambda: registry.answers("/v1/services/orders"))
    file = tmp_path / "traffic.yaml"
    file.write_text(DOCUMENT)

    code, out, err = await crossply(registry, "policy", "diff", "-f", str(file))
    assert code == 0
    assert [line.split() for line in out.splitlines()[1:4]] == [
        ["Traffic/orders", "created"],
        ["subsets.v1.release", '"1"'],
        ["subsets.v2.release", '"2"'],
    ]
    undefined = "CP101 Traffic/orders spec.routes[0].split.v3: names the subset v3, which nobody defines"
    unlabelled = "CP102 Traffic/orders spec.subsets.v2: no living instance of orders has release=2"
    assert [line.partition(";")[0] for line in err.splitlines()] == [
        f"warning: {undefined}",
        f"warning: {unlabelled}",
    ]

    code, out, err = await crossply(registry, "policy", "apply", "-f", str(file), "-o", "json")
    applied: dict[str, Any] = json.loads(out)
    assert code == 0
    assert (applied["revision"], applied["behind"]) == (1, [])
    assert [one["code"] for one in applied["warnings"]] == ["CP101", "CP102"]
    assert f"warning: {unlabelled}" in err

    file.write_text(DOCUMENT.replace("v1: 90, v2: 10, v3: 1", "v1: 80, v2: 20"))
    code, out, _ = await crossply(registry, "policy", "diff", "-f", str(file), "-o", "json")
    (change,) = json.loads(out)["changes"]
    assert code == 0
    assert change == {
        "document": "Traffic/orders",
        "action": "changed",
        "values": [
            {"path": "routes[0].split.v1", "before": "90.0", "after": "80.0"},
            {"path": "routes[0].split.v2", "before": "10.0", "after": "20.0"},
            {"path": "routes[0].split.v3", "before": "1.0", "after": None},
        ],
    }
