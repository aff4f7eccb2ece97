"""A bridge's configuration: what each variable means, and every fault at once."""

from __future__ import annotations

import pytest

from crossply.errors import ConfigError
from crossply_bridge.address import AppAddress
from crossply_bridge.config import BridgeConfig, ListenAddress, Mode, parse_listen

NATS = {"CROSSPLY_NATS_URL": "nats://127.0.0.1:4222"}
SIDECAR = {
    **NATS,
    "CROSSPLY_BRIDGE_MODE": "sidecar",
    "CROSSPLY_SERVICE": "stock",
    "CROSSPLY_APP_URL": "http://127.0.0.1:8080",
}


def faults(environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        BridgeConfig.from_mapping(environ)
    return [fault.partition(":")[0] for fault in caught.value.faults]


def test_without_anything_it_is_a_gateway_on_loopback() -> None:
    config = BridgeConfig.from_mapping(NATS)
    assert (config.mode, config.service, config.app) == (Mode.GATEWAY, "gateway", None)
    assert config.listen == ListenAddress("127.0.0.1", 8600)
    assert config.trust.trusts("127.0.0.1")
    assert not config.trust.trusts("10.0.0.1")
    assert config.limits.body == 960 * 1024


def test_a_sidecar_stands_beside_an_application() -> None:
    config = BridgeConfig.from_mapping(SIDECAR)
    assert (config.mode, config.service, config.listen) == (Mode.SIDECAR, "stock", None)
    assert config.app is not None
    assert config.app.address == AppAddress("127.0.0.1", 8080)
    assert config.app.health == "/healthz"


def test_every_variable_is_read() -> None:
    config = BridgeConfig.from_mapping(
        SIDECAR
        | {
            "CROSSPLY_BRIDGE_LISTEN": "[::1]:8601",
            "CROSSPLY_APP_HEALTH": "/ready?full=1",
            "CROSSPLY_APP_HEALTH_INTERVAL": "0.5",
            "CROSSPLY_APP_HEALTH_TIMEOUT": "2",
            "CROSSPLY_APP_CONNECT_TIMEOUT": "3",
            "CROSSPLY_APP_CONNECTIONS": "7",
            "CROSSPLY_TRUST_TRACE": "10.0.0.0/8",
            "CROSSPLY_BRIDGE_BODY": "1000",
            "CROSSPLY_BRIDGE_CONNECTIONS": "8",
            "CROSSPLY_BRIDGE_HEADER_TIMEOUT": "1",
            "CROSSPLY_BRIDGE_BODY_TIMEOUT": "2",
            "CROSSPLY_BRIDGE_IDLE_TIMEOUT": "3",
            "CROSSPLY_BRIDGE_DRAIN": "4",
            "CROSSPLY_CONNECT_TIMEOUT": "6",
        }
    )
    app, limits = config.app, config.limits
    assert app is not None
    assert config.listen == ListenAddress("::1", 8601)
    assert str(config.listen) == "[::1]:8601"
    assert (app.health, app.health_interval, app.health_timeout) == ("/ready?full=1", 0.5, 2.0)
    assert (app.connect_timeout, app.pool.connections) == (3.0, 7)
    assert config.trust.trusts("10.1.1.1")
    assert (limits.body, limits.connections) == (1000, 8)
    assert (limits.header_timeout, limits.body_timeout, limits.idle_timeout) == (1.0, 2.0, 3.0)
    assert (config.drain, config.mesh.connect_timeout) == (4.0, 6.0)


def test_all_faults_are_reported_together() -> None:
    environ = {
        "CROSSPLY_NATS_URL": "http://127.0.0.1",
        "CROSSPLY_BRIDGE_MODE": "sidecar",
        "CROSSPLY_SERVICE": "Stock!",
        "CROSSPLY_APP_URL": "http://169.254.169.254",
        "CROSSPLY_APP_HEALTH": "healthz",
        "CROSSPLY_BRIDGE_LISTEN": "8600",
        "CROSSPLY_TRUST_TRACE": "everyone",
        "CROSSPLY_BRIDGE_BODY": "99999999",
        "CROSSPLY_BRIDGE_DRAIN": "never",
    }
    assert set(faults(environ)) == set(environ) - {"CROSSPLY_BRIDGE_MODE"}


def test_a_sidecar_needs_a_name_and_an_application() -> None:
    assert set(faults({**NATS, "CROSSPLY_BRIDGE_MODE": "sidecar"})) == {
        "CROSSPLY_SERVICE",
        "CROSSPLY_APP_URL",
    }


def test_a_gateway_has_no_application() -> None:
    assert faults({**NATS, "CROSSPLY_APP_URL": "http://127.0.0.1:8080"}) == ["CROSSPLY_APP_URL"]


def test_a_bridge_is_not_its_own_application() -> None:
    assert faults({**SIDECAR, "CROSSPLY_BRIDGE_LISTEN": "127.0.0.1:8080"}) == ["CROSSPLY_APP_URL"]


def test_an_unknown_mode_is_a_fault() -> None:
    assert faults({**NATS, "CROSSPLY_BRIDGE_MODE": "proxy"}) == ["CROSSPLY_BRIDGE_MODE"]


@pytest.mark.parametrize("text", ["8600", ":8600", "host", "host:", "host:x", "host:65536", "host:-1", "host:²"])
def test_what_is_no_address_to_listen_on_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        parse_listen(text)
