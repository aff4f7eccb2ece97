"""A data plane's configuration: from CROSSPLY_* variables, or from the mesh that runs in this folder or above it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from crossply import local, tls
from crossply.errors import ConfigError
from crossply.local import LocalMesh
from crossply.telemetry.logs import FORMATS, LEVELS
from crossply.tls import TlsFiles
from crossply_policy import names

if TYPE_CHECKING:
    from crossply.control.record import VerifyKey

T = TypeVar("T")
_OTLP = "OTEL_EXPORTER_OTLP_ENDPOINT"
_NOWHERE = LocalMesh(nats=("nats://127.0.0.1:4222",), trust_domain="mesh.local")
"""What holds where no mesh runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshConfig:
    """Where the mesh is and how this process appears in it; durations in seconds."""

    nats: tuple[str, ...] = ("nats://127.0.0.1:4222",)
    tls: TlsFiles | None = None
    registry: str = ""
    tenant: str = "default"
    trust_domain: str = "mesh.local"
    instance: str | None = None
    zone: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    registry_key: VerifyKey | bytes | None = None
    connect_timeout: float = 30.0
    max_in_flight: int = 1024
    log_level: str = "info"
    log_format: str = "console"
    otlp: str = ""
    state: Path | None = None
    state_key: bytes | None = field(default=None, repr=False)
    authority: str = ""
    authority_ca: Path | None = None
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    local: Path | None = None

    @classmethod
    def from_mapping(cls, environ: Mapping[str, str], *, start: Path | None = None) -> MeshConfig:
        """Read ``environ``; without CROSSPLY_NATS_URL look for a running mesh upwards from ``start``, and join it.

        Raise ``ConfigError`` with every fault at once.
        """
        read = Reader(environ)
        found = local.find(environ, start or Path.cwd(), read.faults)
        there = found.mesh if found else _NOWHERE
        # Another authority than the mesh's own is reached with what the environment says, and nothing else.
        joins = None if environ.get("CROSSPLY_AUTHORITY") else found
        token = read.value("CROSSPLY_TOKEN", str.strip, "")
        files, faults = tls.from_mapping(environ)
        read.faults += faults
        config = cls(
            nats=read.value("CROSSPLY_NATS_URL", _urls, there.nats),
            tls=files,
            registry=read.value("CROSSPLY_REGISTRY_URL", _http, there.registry),
            tenant=read.value("CROSSPLY_TENANT", names.service, there.tenant),
            trust_domain=read.value("CROSSPLY_TRUST_DOMAIN", _domain, there.trust_domain),
            instance=read.value("CROSSPLY_INSTANCE", names.instance, None),
            zone=read.value("CROSSPLY_ZONE", str, ""),
            labels=read.value("CROSSPLY_LABELS", labels, {}),
            registry_key=read.value("CROSSPLY_REGISTRY_KEY", _key, None),
            connect_timeout=read.value("CROSSPLY_CONNECT_TIMEOUT", seconds, 30.0),
            max_in_flight=read.value("CROSSPLY_MAX_IN_FLIGHT", positive, 1024),
            log_level=read.value("CROSSPLY_LOG_LEVEL", one_of(LEVELS), "info"),
            log_format=read.value("CROSSPLY_LOG_FORMAT", one_of(FORMATS), "console"),
            otlp="" if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" else read.value(_OTLP, _http, ""),
            state=read.value("CROSSPLY_STATE", Path, None),
            state_key=read.value("CROSSPLY_STATE_KEY", _secret, None),
            authority=read.value("CROSSPLY_AUTHORITY", _https, joins.mesh.authority if joins else ""),
            authority_ca=read.value("CROSSPLY_AUTHORITY_CA", Path, joins.ca if joins else None),
            token=token,
            token_file=read.value("CROSSPLY_TOKEN_FILE", Path, joins.grant if joins and not token else None),
            local=found.path if found else None,
        )
        read.check()
        return config


class Reader:
    """Reads variables and collects every fault; ``check`` raises them together."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.faults: list[str] = []

    def value(self, name: str, parse: Callable[[str], T], default: Any) -> Any:
        """Return the parsed variable, or ``default`` when it is absent or empty."""
        text = self._environ.get(name, "")
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            self.faults.append(f"{name}: {error}")
            return default

    def check(self) -> None:
        """Raise ``ConfigError`` if there was any fault."""
        if self.faults:
            raise ConfigError(self.faults)


def _urls(text: str) -> tuple[str, ...]:
    urls = tuple(part.strip() for part in text.split(",") if part.strip())
    for url in urls:
        if not url.startswith(("nats://", "tls://")):
            raise ValueError(f"{url!r} must begin with nats:// or tls://")
    return urls


def _http(text: str) -> str:
    try:
        parts = urlsplit(text)
        right = parts.scheme in {"http", "https"} and bool(parts.netloc)
    except ValueError:
        right = False
    if not right:
        raise ValueError(f"{text!r} is not an address such as http://127.0.0.1:8700")
    return text


def _https(text: str) -> str:
    if not _http(text).startswith("https://"):
        raise ValueError(f"{text!r} is not an address such as https://127.0.0.1:8701")
    return text


def _secret(text: str) -> bytes:
    try:
        return _key(text)
    except ValueError as error:
        raise ValueError("must be 64 hexadecimal digits") from error


def _domain(text: str) -> str:
    for label in text.split("."):
        names.service(label)
    return text


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:  # noqa: PLR2004 - an Ed25519 public key
        raise ValueError("must be 64 hexadecimal digits, an Ed25519 public key")
    return key


def labels(text: str) -> dict[str, str]:
    """Parse ``name=value,name=value``; raise ``ValueError``."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if any(not name.strip() or not equals for name, equals, _ in pairs):
        raise ValueError(f"{text!r} must be name=value pairs joined by commas")
    return {name.strip(): value.strip() for name, _, value in pairs}


def seconds(text: str) -> float:
    """Parse a positive number of seconds; raise ``ValueError``."""
    value = float(text)
    if not 0 < value <= 3600:  # noqa: PLR2004 - an hour
        raise ValueError(f"{text!r} must be seconds above 0, at most 3600")
    return value


def positive(text: str) -> int:
    """Parse a positive whole number; raise ``ValueError``."""
    value = int(text)
    if value < 1:
        raise ValueError(f"{text!r} must be at least 1")
    return value


def one_of(allowed: tuple[str, ...]) -> Callable[[str], str]:
    """Return a parser that takes one of ``allowed``."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"{text!r} must be one of {', '.join(allowed)}")
        return text

    return parse
