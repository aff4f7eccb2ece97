"""What a registry process is told: one frozen value, read from a mapping, with every fault at once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

from crossply import tls
from crossply.control.record import development_key
from crossply.errors import ConfigError
from crossply.tls import TlsFiles
from crossply_policy import names

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from crossply.identity.signers import Signers

T = TypeVar("T")

_DOMAIN: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,253}[a-z0-9])?").fullmatch
_SEED: Final = re.compile(r"[0-9a-fA-F]{64}").fullmatch
_LEVELS: Final = ("debug", "info", "warning", "error")
_FORMATS: Final = ("json", "console")
_REPLICAS: Final = (1, 3, 5)
_SCHEMES: Final = frozenset({"nats", "tls", "ws", "wss"})
_PORTS: Final = range(65_536)
_LONGEST: Final = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryConfig:
    """Where the broker is, where the API listens; seconds. No ``signing_seed`` is the development key."""

    servers: tuple[str, ...] = ("nats://127.0.0.1:4222",)
    tls: TlsFiles | None = None
    host: str = "127.0.0.1"
    port: int = 8700
    tenant: str = "default"
    trust_domain: str = "mesh.local"
    signing_seed: bytes | None = field(default=None, repr=False)
    former_keys: tuple[bytes, ...] = ()
    replicas: int = 1
    log_level: str = "info"
    log_format: str = "json"
    connect_timeout: float = 30.0

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, str]) -> RegistryConfig:
        """Read ``CROSSPLY_*``, defaults for what is empty; raise ``ConfigError`` with all faults."""
        default = cls()
        read = _Reading(mapping)
        host, port = read("CROSSPLY_REGISTRY_LISTEN", _listen, (default.host, default.port))
        files, faults = tls.from_mapping(mapping)
        read.faults += faults
        none: tuple[bytes, ...] = ()
        signing = read("CROSSPLY_SIGNING_KEY", _signing, none)
        config = cls(
            servers=read("CROSSPLY_NATS_URL", _servers, default.servers),
            tls=files,
            host=host,
            port=port,
            tenant=read("CROSSPLY_TENANT", names.service, default.tenant),
            trust_domain=read("CROSSPLY_TRUST_DOMAIN", _domain, default.trust_domain),
            signing_seed=signing[0] if signing else None,
            former_keys=signing[1:],
            replicas=read("CROSSPLY_REPLICAS", _replicas, default.replicas),
            log_level=read("CROSSPLY_LOG_LEVEL", _one_of(_LEVELS), default.log_level),
            log_format=read("CROSSPLY_LOG_FORMAT", _one_of(_FORMATS), default.log_format),
            connect_timeout=read("CROSSPLY_CONNECT_TIMEOUT", _seconds, default.connect_timeout),
        )
        if read.faults:
            raise ConfigError(read.faults)
        return config

    def signing_key(self) -> Ed25519PrivateKey:
        """Return the key that signs heads and checkpoints."""
        if self.signing_seed is None:
            return development_key()
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - slow to import

        return Ed25519PrivateKey.from_private_bytes(self.signing_seed)

    def known_keys(self) -> Signers:
        """Return by what this registry believes what lies in the store: its own key and those before it."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - as above

        from crossply.identity.signers import Signer, Signers  # noqa: PLC0415 - as above

        former = map(Ed25519PublicKey.from_public_bytes, self.former_keys)
        return Signers(Signer(key, 0.0, math.inf) for key in (self.signing_key().public_key(), *former))


class _Reading:
    """Reads one variable after the other and keeps every fault."""

    def __init__(self, mapping: Mapping[str, str]) -> None:
        self._mapping = mapping
        self.faults: list[str] = []

    def __call__(self, key: str, parse: Callable[[str], T], default: T) -> T:
        text = self._mapping.get(key, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as fault:
            self.faults.append(f"{key}: {fault}")
            return default


def _servers(text: str) -> tuple[str, ...]:
    servers = tuple(part.strip() for part in text.split(",") if part.strip())
    for server in servers:
        parts = urlsplit(server)
        if parts.scheme not in _SCHEMES or not parts.hostname:
            # The URL itself may hold a password, so it is not shown.
            raise ValueError("must be one or more broker addresses such as nats://127.0.0.1:4222, separated by commas")
    return servers


def _listen(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) not in _PORTS:
        raise ValueError(f"{text!r} is not host:port; write 127.0.0.1:8700, or [::]:8700 for all addresses")
    return host, int(port)


def _domain(text: str) -> str:
    if _DOMAIN(text) is None:
        raise ValueError(f"{text!r} is not a trust domain; write a lower-case domain name such as mesh.local")
    return text


def _signing(text: str) -> tuple[bytes, ...]:
    """Return the seed of the key that signs, then the public keys of those before it."""
    try:
        lines = Path(text).read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read {text!r}: {error}") from error
    if not lines or any(_SEED(line) is None for line in lines):
        raise ValueError(
            f"{text!r} does not hold 64 hexadecimal digits, the seed of an Ed25519 key, and below it the public keys"
            " of those before it, if any"
        )
    return tuple(map(bytes.fromhex, lines))


def _replicas(text: str) -> int:
    if text not in map(str, _REPLICAS):
        raise ValueError(f"must be 1, 3 or 5, not {text!r}; it is the number of brokers that keep each stream")
    return int(text)


def _one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"must be one of {', '.join(words)}, not {text!r}")
        return text.lower()

    return parse


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= _LONGEST:
        raise ValueError(f"must be seconds above 0 and at most {_LONGEST:g}, not {text!r}")
    return seconds
