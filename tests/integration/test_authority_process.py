"""Two authorities as processes over a real broker: they share everything, and a restart loses nothing."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509

from tests.support.authority_process import AuthorityProcess, initialised
from tests.support.broker import Broker
from tests.support.waiting import eventually_awaited
from tests.unit.registry.authority.joiner import Joiner


async def command(authority: AuthorityProcess, *arguments: str) -> Any:
    """Run a command of an operator, and return what it says as JSON."""
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-P", "-m", "crossply_cli", *arguments, "-o", "json"],
        capture_output=True,
        env={**os.environ, **authority.operator},
        check=True,
    )
    return json.loads(ended.stdout)


async def test_many_join_two_replicas_at_once_and_each_is_in_one_log(broker: Broker, tmp_path: Path) -> None:
    out = initialised(tmp_path / "mesh", "orders", "web")
    async with (
        AuthorityProcess(out, tmp_path / "one", broker.url) as one,
        AuthorityProcess(out, tmp_path / "two", broker.url) as two,
    ):
        await one.ready()
        await two.ready()
        raw = Joiner().raw(one.token("orders"))
        answers = await asyncio.gather(
            *(each.api.post("/v1/join", content=raw, timeout=30) for each in (one, two) * 25)
        )
        assert Counter(answer.status_code for answer in answers) == {200: 50}

        chains = [x509.load_pem_x509_certificates(answer.json()["certificate"].encode()) for answer in answers]
        assert len({chain[1].serial_number for chain in chains}) == 1
        log = await command(two, "authority", "log")
        issued = {int(entry["serial"], 16) for entry in log if entry["what"] == "issued"}
        assert issued == {chain[0].serial_number for chain in chains}
        assert [entry["number"] for entry in log] == list(range(1, 51))


async def test_what_an_operator_decides_survives_the_death_of_every_authority(broker: Broker, tmp_path: Path) -> None:
    out = initialised(tmp_path / "mesh", "orders", "web")
    joiner = Joiner()
    async with AuthorityProcess(out, tmp_path / "one", broker.url) as one:
        await one.ready()
        once = await command(one, "token", "create", "--service", "orders", "--single-use")
        assert (await one.api.post("/v1/join", content=joiner.raw(once["token"]))).status_code == 200
        await command(one, "identity", "revoke", "web", "--reason", "stolen")
        one.program.kill()

    async with AuthorityProcess(out, tmp_path / "two", broker.url) as two:
        await two.ready()
        again = await two.api.post("/v1/join", content=joiner.raw(once["token"]))
        web = Joiner(identity=joiner.identity.replace("orders", "web"))
        revoked = await two.api.post("/v1/join", content=web.raw(two.token("web")))
        assert (again.status_code, revoked.status_code) == (401, 403)
        held = await command(two, "identity", "ls")
        assert [(each["service"], each["certificates"], each["revoked"]) for each in held] == [
            ("orders", 1, False),
            ("web", 0, True),
        ]


async def test_joins_wait_for_nobody_while_the_broker_is_away_and_go_on_when_it_is_back(
    broker: Broker, tmp_path: Path
) -> None:
    out = initialised(tmp_path / "mesh", "orders")
    async with AuthorityProcess(out, tmp_path / "one", broker.url) as one:
        await one.ready()
        raw = Joiner().raw(one.token("orders"))
        broker.kill()
        away = await one.api.post("/v1/join", content=raw, timeout=30)
        assert away.status_code == 503
        broker.start()

        async def joined() -> bool:
            return (await one.api.post("/v1/join", content=raw, timeout=30)).status_code == 200

        await eventually_awaited(joined, 15.0)


async def test_nothing_below_tls_1_3_and_nobody_without_tls_is_answered(broker: Broker, tmp_path: Path) -> None:
    out = initialised(tmp_path / "mesh", "orders")
    async with AuthorityProcess(out, tmp_path / "one", broker.url) as one:
        await one.ready()
        old = ssl.create_default_context(cafile=out / "authority" / "ca.pem")
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        for base, verify in ((one.url, old), (one.url.replace("https", "http"), False)):
            async with httpx.AsyncClient(base_url=base, verify=verify, trust_env=False) as client:
                try:
                    answer = await client.get("/healthz")
                except httpx.TransportError:
                    continue
                raise AssertionError(answer)
