"""The demo: examples/shop beside the mesh, with live traffic, counted."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from crossply_cli.failure import Failure
from crossply_cli.policy_files import load
from crossply_cli.registry_api import RegistryApi
from crossply_cli.up import edge, examples, probes
from crossply_cli.up.ports import LOOPBACK
from crossply_cli.up.tally import Tally
from crossply_policy.parse import plain

if TYPE_CHECKING:
    from crossply_cli.up.child import Child
    from crossply_cli.up.development import Bench
    from crossply_cli.up.directory import MeshFile

SERVICES: Final = ("web", "orders", "billing", "stock", "mailer")
_INSTANCES: Final = {"orders": 2, "billing": 1, "mailer": 1, "stock": 1}
_PATIENCE, _DRAIN, _BEAT = 30.0, 5.0, 0.02
_CALLS_COME_BACK: Final = 7.0


class Shop:
    """web -> orders (twice) -> billing and stock; orders.created -> mailer."""

    def __init__(self, bench: Bench, mesh: MeshFile) -> None:
        self._bench = bench
        self._mesh = mesh
        self._folder = examples.shop()
        self._api = RegistryApi(bench.client, mesh.registry)
        self._application = f"http://{LOOPBACK}:{bench.ports.any()}"
        self.tally = Tally()
        self.first_call: float | None = None
        """When the first call succeeded, on the monotonic clock."""
        self.instances = 0
        self.faults: list[str] = []

    async def start(self) -> None:
        """Start everything and, once all of it answers, the traffic; raise Failure if something does not."""
        stock = await self._start_stock()
        await self._plant()
        others = await asyncio.gather(
            self._service("orders-1", "orders.py"),
            self._service("orders-2", "orders.py"),
            self._service("billing", "billing.py"),
            self._service("mailer", "mailer.py"),
            self._sidecar(),
        )
        await probes.ready(self._missing, "shop", _PATIENCE, stock, *others)
        web = await self._service("web", "web.py")
        await probes.ready(self._no_call_yet, "first call", _PATIENCE, web)

    async def check_edge(self) -> None:
        """Use the gateway as curl does; what does not work is among the faults afterwards."""
        self.faults += await edge.faults(self._bench.client, self._mesh.gateway, self._application)

    async def finish(self, calls: float = _CALLS_COME_BACK, drain: float = _DRAIN) -> None:
        """Stop the traffic and let the rest settle, in so many seconds each; nothing is counted later."""
        try:
            self.instances = len((await self._api.status())["data_planes"])
        except Failure as failure:
            self.faults.append(failure.lines()[0])
        end = self._bench.supervisor.end
        await end(["web"], calls)
        await end(["orders-1", "orders-2"], calls)
        await self._drained(drain)
        await end(["mailer"])

    def verdict(self) -> list[str]:
        """Return what did not work; nothing when calls, events and the bridge did."""
        found = list(self.faults)
        if not self.tally.ok:
            found.append("no call succeeded")
        for failure, times in self.tally.surprises.items():
            found.append(f"{times} x {failure}, which is not the failure that the shop has on purpose")
        published, handled = self.tally.events_published, self.tally.events_handled
        if not published:
            found.append("no event was published")
        if handled != published:
            found.append(f"{published} events were published, {handled} handled")
        return found

    async def _drained(self, within: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self.tally.outstanding:  # noqa: ASYNC110 - facts come in lines; nothing waits for the last
                    await asyncio.sleep(_BEAT)

    async def _plant(self) -> None:
        """Have failed charges not tried again; the same at every start, whatever an earlier run was told."""
        for each in load([self._folder / "policies" / "billing.yaml"]):
            await self._api.write(each.document, plain(each.document), "the demo's start")

    async def _start_stock(self) -> Child:
        host, _, port = self._application.removeprefix("http://").partition(":")
        spec = self._bench.programs.script("stock", self._folder / "stock.py", {"HOST": host, "PORT": port})
        child = await self._bench.supervisor.start(spec)
        probe = probes.http(self._bench.client, f"{self._application}/healthz")
        await probes.ready(probe, "stock", _PATIENCE, child)
        return child

    async def _service(self, name: str, file: str) -> Child:
        programs = self._bench.programs
        own = programs.joining(self._mesh, file.removesuffix(".py")) | {"SHOP_FACTS": "1"}
        spec = programs.script(name, self._folder / file, own, self.tally.take)
        return await self._bench.supervisor.start(spec)

    async def _sidecar(self) -> Child:
        spec = self._bench.programs.sidecar(self._mesh, "stock", self._application)
        return await self._bench.supervisor.start(spec)

    async def _missing(self) -> str | None:
        """Say what of the shop is not there yet: instances, mailer's consumer, stock behind its bridge."""
        try:
            for name, wanted in _INSTANCES.items():
                service = await self._api.service(name)
                if len(service["instances"]) < wanted:
                    return f"{name} has {len(service['instances'])} of {wanted} instances"
                if missing := [each["pattern"] for each in service["subscriptions"] if each["consumer"] != "ready"]:
                    return f"{name} has no consumer on {missing[0]}"
            if behind := (await self._api.status())["behind"]:
                return f"{behind} data planes are behind"
        except Failure as failure:
            return failure.lines()[0]
        return await probes.http(self._bench.client, f"{self._mesh.gateway}/svc/stock/items/a")()

    async def _no_call_yet(self) -> str | None:
        if not self.tally.ok:
            return f"of {self.tally.made} calls none succeeded"
        self.first_call = time.monotonic()
        return None
