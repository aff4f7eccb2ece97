"""Registry and authority in one process: services join the one and go by the policy of the other."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.support.authority_process import AuthorityProcess, initialised
from tests.support.broker import free_port
from tests.support.closed_broker import ClosedBroker
from tests.support.closed_mesh import WEB_TO_ORDERS, Closed
from tests.support.program import Program
from tests.support.waiting import eventually_awaited


async def test_one_process_lets_services_join_and_governs_them(tmp_path: Path) -> None:
    out = initialised(tmp_path / "mesh", "orders", "web")
    with ClosedBroker(out) as broker:
        # Its address and its client are wanted here, not the process itself.
        authority = AuthorityProcess(out, tmp_path / "unused", broker.url)
        authority.program.__exit__(None, None, None)
        closed = Closed(broker, authority, out, tmp_path / "state")
        tls, port = closed.registry_tls, free_port()
        environ = {
            "CROSSPLY_AUTHORITY_DIR": str(out / "authority"),
            "CROSSPLY_AUTHORITY_LISTEN": f"127.0.0.1:{authority.port}",
            "CROSSPLY_NATS_URL": broker.url,
            "CROSSPLY_REGISTRY_LISTEN": f"127.0.0.1:{port}",
            "CROSSPLY_SIGNING_KEY": str(out / "registry" / "signing.key"),
            "CROSSPLY_TLS_CA": str(tls.ca),
            "CROSSPLY_TLS_CERT": str(tls.certificate),
            "CROSSPLY_TLS_KEY": str(tls.key),
        }
        with Program(tmp_path / "both", "-m", "crossply_registry.with_authority", environ=environ) as both:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as registry:

                async def ready() -> bool:
                    assert both.code is None, both.log
                    try:
                        return all([(await each.get("/readyz")).is_success for each in (registry, authority.api)])
                    except httpx.TransportError:
                        return False

                await eventually_awaited(ready, 20.0)
                path, headers = f"/v1/documents/Access/{WEB_TO_ORDERS['name']}", {"If-None-Match": "*"}
                written = await registry.put(path, json={"spec": WEB_TO_ORDERS["spec"]}, headers=headers)
                assert written.is_success
                async with closed.orders(), closed.web() as web:
                    assert await web.call("orders.quote", {"number": 1}, timeout=5.0) == 2
            both.terminate()
            assert await both.ended() == 0
        await authority.api.aclose()


async def test_what_is_wrong_with_either_is_told_at_once(tmp_path: Path) -> None:
    environ = {"CROSSPLY_AUTHORITY_DIR": str(tmp_path), "CROSSPLY_REGISTRY_LISTEN": "127.0.0.1:0"}
    with Program(tmp_path / "both", "-m", "crossply_registry.with_authority", environ=environ) as both:
        assert await both.ended() == 64
        assert "has no ca.pem" in both.log
