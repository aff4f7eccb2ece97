"""What a bridge process is told: one frozen value, read from a mapping, with every fault at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from crossply.config import MeshConfig, Reader, one_of, positive, seconds
from crossply.errors import ConfigError
from crossply_bridge.address import AppAddress, parse_app_url
from crossply_bridge.app_pool import PoolLimits
from crossply_bridge.health import DEFAULT_PATH
from crossply_bridge.http_limits import HttpLimits
from crossply_bridge.http_message import HttpFault
from crossply_bridge.request_target import parse_target
from crossply_bridge.trust import TrustedPeers, parse_trust
from crossply_policy import names

_PORTS: Final = range(65_536)


class Mode(StrEnum):
    """Which side of an HTTP program the bridge stands on."""

    GATEWAY = "gateway"
    SIDECAR = "sidecar"


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where the bridge takes HTTP; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


GATEWAY_LISTEN: Final = ListenAddress("127.0.0.1", 8600)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppConfig:
    """The application beside a sidecar and how it is asked for its health; seconds."""

    address: AppAddress
    health: str = DEFAULT_PATH
    health_interval: float = 1.0
    health_timeout: float = 1.0
    connect_timeout: float = 1.0
    pool: PoolLimits = field(default_factory=PoolLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeConfig:
    """``app`` is a sidecar's; a sidecar without ``listen`` takes no HTTP. ``drain`` is in seconds."""

    mesh: MeshConfig
    mode: Mode = Mode.GATEWAY
    service: str = "gateway"
    listen: ListenAddress | None = GATEWAY_LISTEN
    app: AppConfig | None = None
    trust: TrustedPeers = field(default_factory=lambda: parse_trust("loopback"))
    metrics: TrustedPeers = field(default_factory=lambda: parse_trust("loopback"))
    limits: HttpLimits = field(default_factory=HttpLimits)
    drain: float = 5.0

    @classmethod
    def from_mapping(cls, environ: Mapping[str, str]) -> BridgeConfig:
        """Read ``CROSSPLY_*``, with defaults for what is empty; raise ``ConfigError`` with all faults."""
        read = Reader(environ)
        mode = Mode(read.value("CROSSPLY_BRIDGE_MODE", one_of(tuple(Mode)), Mode.GATEWAY))
        sidecar = mode is Mode.SIDECAR
        listen = read.value("CROSSPLY_BRIDGE_LISTEN", parse_listen, None if sidecar else GATEWAY_LISTEN)
        service = read.value("CROSSPLY_SERVICE", names.service, None if sidecar else "gateway")
        app = _app(read)
        trust = read.value("CROSSPLY_TRUST_TRACE", parse_trust, parse_trust("loopback"))
        metrics = read.value("CROSSPLY_BRIDGE_METRICS", parse_trust, parse_trust("loopback"))
        limits = _limits(read)
        drain = read.value("CROSSPLY_BRIDGE_DRAIN", seconds, 5.0)
        faults = read.faults + _together(environ, mode, app, listen)
        try:
            mesh = MeshConfig.from_mapping(environ)
        except ConfigError as error:
            raise ConfigError([*error.faults, *faults]) from error
        if faults:
            raise ConfigError(faults)
        return cls(
            mesh=mesh,
            mode=mode,
            service=service,
            listen=listen,
            app=app if sidecar else None,
            trust=trust,
            metrics=metrics,
            limits=limits,
            drain=drain,
        )


def parse_listen(text: str) -> ListenAddress:
    """Read `host:port`, an IPv6 address in brackets; raise ``ValueError``."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit()) or int(port) not in _PORTS:
        raise ValueError(f"{text!r} is not host:port; write 127.0.0.1:8600, or 0.0.0.0:8600 for all addresses")
    return ListenAddress(host, int(port))


def _app(read: Reader) -> AppConfig | None:
    address = read.value("CROSSPLY_APP_URL", parse_app_url, None)
    health = read.value("CROSSPLY_APP_HEALTH", _path, DEFAULT_PATH)
    interval = read.value("CROSSPLY_APP_HEALTH_INTERVAL", seconds, 1.0)
    timeout = read.value("CROSSPLY_APP_HEALTH_TIMEOUT", seconds, 1.0)
    connect = read.value("CROSSPLY_APP_CONNECT_TIMEOUT", seconds, 1.0)
    connections = read.value("CROSSPLY_APP_CONNECTIONS", positive, PoolLimits().connections)
    if address is None:
        return None
    return AppConfig(
        address=address,
        health=health,
        health_interval=interval,
        health_timeout=timeout,
        connect_timeout=connect,
        pool=PoolLimits(connections=connections),
    )


def _limits(read: Reader) -> HttpLimits:
    default = HttpLimits()
    return HttpLimits(
        body=read.value("CROSSPLY_BRIDGE_BODY", _body, default.body),
        connections=read.value("CROSSPLY_BRIDGE_CONNECTIONS", positive, default.connections),
        header_timeout=read.value("CROSSPLY_BRIDGE_HEADER_TIMEOUT", seconds, default.header_timeout),
        body_timeout=read.value("CROSSPLY_BRIDGE_BODY_TIMEOUT", seconds, default.body_timeout),
        idle_timeout=read.value("CROSSPLY_BRIDGE_IDLE_TIMEOUT", seconds, default.idle_timeout),
    )


def _together(environ: Mapping[str, str], mode: Mode, app: AppConfig | None, listen: ListenAddress | None) -> list[str]:
    """Return what is wrong between variables that are right on their own."""
    if mode is Mode.GATEWAY:
        if environ.get("CROSSPLY_APP_URL"):
            return ["CROSSPLY_APP_URL: a gateway has no application; set CROSSPLY_BRIDGE_MODE=sidecar"]
        return []
    faults = [
        f"{name}: is missing; a sidecar needs {what}"
        for name, what in (
            ("CROSSPLY_SERVICE", "the name of the service that its application becomes"),
            ("CROSSPLY_APP_URL", "the address of its application, such as http://127.0.0.1:8080"),
        )
        if not environ.get(name)
    ]
    if app is not None and listen is not None and str(app.address) == str(listen):
        faults.append(f"CROSSPLY_APP_URL: is {listen}, where the bridge itself listens")
    return faults


def _path(text: str) -> str:
    try:
        return parse_target(text).raw
    except HttpFault as fault:
        raise ValueError(fault.detail) from fault


def _body(text: str) -> int:
    size = positive(text)
    largest = HttpLimits().body
    if size > largest:
        raise ValueError(f"is {size} bytes; a message of the mesh holds at most {largest}")
    return size
