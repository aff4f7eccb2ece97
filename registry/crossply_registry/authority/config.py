"""What an authority process is told: one frozen value, read from a mapping, with every fault at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from crossply.config import Reader, one_of, seconds
from crossply.telemetry.logs import FORMATS, LEVELS
from crossply_policy import names
from crossply_registry.authority import kek
from crossply_registry.authority.folder import Folder
from crossply_registry.authority.kek import Kek, KekFault
from crossply_registry.authority.kubernetes import ClusterConfig, read_cluster

DAY: Final = 86_400.0
_SHORTEST: Final = 60.0
_LONGEST: Final = 7 * DAY
_HOST: Final = "127.0.0.1"
_PORT: Final = 8701
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_LAST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityConfig:
    """Where folder, broker and API are; `lifetime` of what it issues and `epoch` of the keys it makes, in seconds."""

    folder: Folder
    kek: Kek = field(repr=False)
    servers: tuple[str, ...] = ("nats://127.0.0.1:4222",)
    host: str = _HOST
    port: int = _PORT
    tenant: str = "default"
    lifetime: float = DAY
    epoch: float = DAY
    replicas: int = 1
    cluster: ClusterConfig | None = None
    log_level: str = "info"
    log_format: str = "json"
    connect_timeout: float = 30.0

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, str]) -> AuthorityConfig:
        """Read ``CROSSPLY_*``, defaults for what is empty; raise ``ConfigError`` with all faults."""
        read = Reader(mapping)
        folder: Folder | None = read.value("CROSSPLY_AUTHORITY_DIR", _folder, None)
        if folder is None and not read.faults:
            read.faults.append(
                "CROSSPLY_AUTHORITY_DIR: is missing; `crossply authority init --out DIR` writes DIR/authority"
            )
        host, port = read.value("CROSSPLY_AUTHORITY_LISTEN", _listen, (_HOST, _PORT))
        settings = {
            "servers": read.value("CROSSPLY_NATS_URL", _servers, ("nats://127.0.0.1:4222",)),
            "host": host,
            "port": port,
            "tenant": read.value("CROSSPLY_TENANT", names.service, "default"),
            "lifetime": read.value("CROSSPLY_CREDENTIAL_LIFETIME", _lifetime, DAY),
            "epoch": read.value("CROSSPLY_KEY_EPOCH", _epoch, DAY),
            "replicas": read.value("CROSSPLY_REPLICAS", _replicas, 1),
            "cluster": read.value("CROSSPLY_KUBERNETES", _cluster, None),
            "log_level": read.value("CROSSPLY_LOG_LEVEL", one_of(LEVELS), "info"),
            "log_format": read.value("CROSSPLY_LOG_FORMAT", one_of(FORMATS), "json"),
            "connect_timeout": read.value("CROSSPLY_CONNECT_TIMEOUT", seconds, 30.0),
        }
        key = _kek(mapping, folder, read)
        if folder is not None and folder.grant.exists() and host not in _LOOPBACK:
            read.faults.append(
                f"CROSSPLY_AUTHORITY_LISTEN: {host} is not this machine alone, and {folder.grant} lets whoever has the"
                " grant join as any service: it is of a mesh for development"
            )
        read.check()
        if folder is None or key is None:
            raise AssertionError("a fault was not reported")
        return cls(folder=folder, kek=key, **settings)


def _kek(mapping: Mapping[str, str], folder: Folder | None, read: Reader) -> Kek | None:
    try:
        return kek.read(mapping, None if folder is None else folder.kek)
    except KekFault as fault:
        read.faults.append(str(fault))
        return None


def _folder(text: str) -> Folder:
    path = Path(text)
    if not (path / "ca.pem").is_file():
        raise ValueError(f"{text!r} has no ca.pem; `crossply authority init --out DIR` writes DIR/authority")
    return Folder(path)


def _servers(text: str) -> tuple[str, ...]:
    servers = tuple(part.strip() for part in text.split(",") if part.strip())
    if not servers or not all(each.startswith(("nats://", "tls://")) for each in servers):
        # The URL itself may hold a password, so it is not shown.
        raise ValueError("must be one or more broker addresses such as tls://127.0.0.1:4222, separated by commas")
    return servers


def _listen(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > _LAST_PORT:
        raise ValueError(f"{text!r} is not host:port; write 127.0.0.1:8701, or [::]:8701 for all addresses")
    return host, int(port)


def _lifetime(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not _SHORTEST <= value <= DAY:
        raise ValueError(f"must be {_SHORTEST:g} to {DAY:g} seconds, not {text!r}")
    return value


def _epoch(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not _SHORTEST <= value <= _LONGEST:
        raise ValueError(f"must be {_SHORTEST:g} to {_LONGEST:g} seconds, not {text!r}")
    return value


def _replicas(text: str) -> int:
    if text not in {"1", "3", "5"}:
        raise ValueError(f"must be 1, 3 or 5, not {text!r}; it is the number of brokers that keep each stream")
    return int(text)


def _cluster(text: str) -> ClusterConfig:
    return read_cluster(Path(text))
