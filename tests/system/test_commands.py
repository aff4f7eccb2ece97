"""The commands beside a mesh that runs: what they print, what they exit with, and what they leave alone."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from crossply import Code, EndpointFailed, Mesh
from crossply.config import MeshConfig
from crossply_cli.exit_codes import ExitCode
from tests.support.running_up import COMMAND, RunningUp, crossply, environ


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUp]:
    """A mesh that runs while this module's tests do."""
    with RunningUp(tmp_path_factory.mktemp("up")) as running:
        running.ready()
        yield running


@asynccontextmanager
async def orders(up: RunningUp) -> AsyncGenerator[None]:
    """A service whose endpoints fail, return bytes, and return what JSON cannot say."""
    mesh = Mesh("orders", config=MeshConfig.from_mapping(environ(), start=up.folder))

    @mesh.endpoint
    async def find(order: str) -> None:
        raise EndpointFailed(f"no order {order}", code=Code.NOT_FOUND)

    @mesh.endpoint
    async def picture() -> bytes:
        return b"\xff\xd8\xff"

    @mesh.endpoint
    async def ratio() -> dict[str, float]:
        return {"ratio": float("nan"), "most": float("inf")}

    @mesh.endpoint
    async def dawdle() -> None:
        await asyncio.sleep(60)

    async with mesh:
        yield


async def asked(up: RunningUp, *arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(crossply, up.folder, *arguments)


async def test_what_an_endpoint_does_not_find_is_no_missing_service(up: RunningUp) -> None:
    async with orders(up):
        failed = await asked(up, "call", "orders.find", "-d", '{"order": "o-1"}')
        assert failed.returncode == ExitCode.FAILED
        assert failed.stderr.startswith("crossply: orders.find failed: not_found: no order o-1\n")
        assert "crossply services" not in failed.stderr
        missing = await asked(up, "call", "orders.nothing")
        assert missing.returncode == ExitCode.NOT_FOUND
        assert "`crossply services` lists what there is" in missing.stderr


async def test_results_are_json_and_bytes_say_that_they_are_base64(up: RunningUp) -> None:
    async with orders(up):
        ratio = await asked(up, "call", "orders.ratio", "-o", "json")
        assert json.loads(ratio.stdout, parse_constant=pytest.fail) == {"ratio": None, "most": None}
        picture = await asked(up, "call", "orders.picture")
        assert picture.stdout == '"/9j/"\n'
        assert picture.stderr == "the reply is 3 bytes that are no text; they are shown as base64\n"


async def test_a_late_call_names_what_bounded_it(up: RunningUp) -> None:
    async with orders(up):
        given = await asked(up, "call", "orders.dawdle", "--timeout", "0.3")
        assert given.returncode == ExitCode.TIMEOUT
        assert "give it longer with --timeout" in given.stderr
        bounded = await asked(up, "call", "orders.dawdle", "--timeout", "30")
        assert bounded.returncode == ExitCode.TIMEOUT
        assert "`timeout.total` of orders bounds it too" in bounded.stderr


def test_a_document_is_deleted_and_every_data_plane_told(up: RunningUp) -> None:
    policy = up.folder / "billing.yaml"
    policy.write_text("kind: Service\nname: billing\nspec: {retry: {attempts: 2}}\n")
    assert crossply(up.folder, "policy", "apply", "-f", policy.name).returncode == ExitCode.OK
    deleted = crossply(up.folder, "policy", "delete", "Service/billing", "--reason", "stable", "-o", "json")
    assert deleted.returncode == ExitCode.OK, deleted.stderr
    said: dict[str, Any] = json.loads(deleted.stdout)
    [document] = said["documents"]
    assert document["document"] == "Service/billing"
    assert document["revision"] == said["revision"] == document["before"] + 1
    assert said["applied"] == said["data_planes"] >= 1
    for command in ("get", "delete"):
        gone = crossply(up.folder, "policy", command, "Service/billing")
        assert gone.returncode == ExitCode.NOT_FOUND
        assert "there is no document Service/billing" in gone.stderr


def test_a_service_that_is_not_there_is_named(up: RunningUp) -> None:
    nobody = crossply(up.folder, "services", "nope")
    assert nobody.returncode == ExitCode.NOT_FOUND
    assert nobody.stderr.startswith("crossply: there is no service nope\n")


def test_a_command_that_joins_no_authority_reaches_no_broker_and_is_told_what_it_lacks(up: RunningUp) -> None:
    where = up.ready()
    settings = {**environ(), "CROSSPLY_NATS_URL": where["nats"][0], "CROSSPLY_REGISTRY_URL": where["registry"]}

    def told(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(COMMAND), *arguments]
        return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=20, check=False)

    called = told("call", "orders.find")
    assert called.returncode == ExitCode.UNREACHABLE
    assert "the broker's certificate is refused" in called.stderr
    assert "CROSSPLY_AUTHORITY" in called.stderr
    assert "FAILED   broker" in told("check").stdout


def test_a_run_that_is_stopped_before_its_first_call_says_so_and_ends_in_order(tmp_path: Path) -> None:
    with RunningUp(tmp_path, "--demo") as running:
        running.ready("registry http")
        assert running.stop() == ExitCode.OK
        assert "None s" not in running.out + running.err
