"""Every service of docker-compose.yml, with its own command and environment, as processes of this machine."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

from tests.support.waiting import eventually
from tests.system.compose_file import services
from tests.system.compose_processes import Project

QUIET = {"mailer": {"SHOP_FACTS": "1"}, "web": {"SHOP_RATE": "2"}}


async def test_the_services_of_the_compose_file_call_tell_and_pass_http(tmp_path: Path) -> None:
    async with Project(services(), tmp_path, QUIET) as project, httpx.AsyncClient(trust_env=False) as client:
        await project.up()
        gateway = f"http://{project.address('gateway', 8600)}"

        call = await client.post(f"{gateway}/orders/quote", json={"sku": "a", "quantity": 2})
        assert (call.status_code, call.json()) == (200, {"sku": "a", "quantity": 2, "cents": 2500})

        passed = await client.get(f"{gateway}/svc/stock/items/a")
        assert (passed.status_code, passed.json()["sku"]) == (200, "a")

        order = await _order(client, gateway)
        await eventually(lambda: json.dumps({"handled": order}) in project.log("mailer"), 10.0)

        known = await client.get(f"http://{project.address('registry', 8700)}/v1/services")
        assert known.status_code == 200
        assert all(name in known.text for name in ("billing", "mailer", "orders", "stock", "web"))

        holders = json.loads(await project.run("crossply", "identity", "ls", "-o", "json"))
        assert {each["service"] for each in holders} == {"billing", "gateway", "mailer", "orders", "stock", "web"}
        quoted = json.loads(await project.run("crossply", "call", "orders.quote", "-d", '{"sku": "a", "quantity": 1}'))
        assert quoted["cents"] == 1250

        codes = await project.down()
        started = {name for name, each in services().items() if not each.tool}
        assert {name: set(each) for name, each in codes.items()} == {name: {0} for name in started}


async def _order(client: httpx.AsyncClient, gateway: str) -> str:
    """Order until billing takes the charge: it refuses every twelfth."""
    said = ""
    for _ in range(3):
        answer = await client.post(f"{gateway}/orders/create", json={"sku": "b", "quantity": 1})
        if answer.status_code == 200:
            return str(answer.json()["order"])
        said = answer.text
    raise AssertionError(f"no order was taken: {said}")
