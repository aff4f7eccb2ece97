"""The one place that writes a configuration file for nats-server."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from crossply.errors import ConfigError
from crossply_registry import broker_callout
from crossply_registry.broker_callout import Callout

MESH_USER: Final = "mesh"
SYSTEM_USER: Final = "sys"
MESH_ACCOUNT: Final = "MESH"
DEFAULT_TENANT: Final = "default"
SYSTEM_ACCOUNT: Final = "SYS"

_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]*")
_PASSWORD: Final = re.compile(r"[A-Za-z0-9._~-]+")
_LAST_PORT: Final = 65_535
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FromEnvironment:
    """A value that nats-server itself takes from its environment when it reads the file."""

    variable: str


Password: TypeAlias = str | FromEnvironment


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """PEM files by which a broker is known, and the root that clients' certificates must lead to."""

    certificate: str
    key: str
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerConfig:
    """What a broker starts with; sizes in bytes, durations in seconds, `monitor` the port of HTTP monitoring.

    With `certificates` whoever has one of the mesh's root may connect, over TLS 1.3, and nobody else; then there are no
    passwords. With `callout` the authority says of each who connects what it may; without, it may everything. Where
    `tenants_come` the accounts are in a file beside this one, which `render_accounts` returns.

    Passwords consist of letters, digits and . _ ~ -, so that an address can hold them as they are. There is
    no user for clients that bring none.
    """

    store_dir: str
    mesh_password: Password = field(default="", repr=False)
    system_password: Password = field(default="", repr=False)
    certificates: Certificates | None = None
    callout: Callout | None = None
    tenants_come: bool = False
    server_name: str = "crossply"
    host: str = "127.0.0.1"
    port: int = 4222
    monitor: int | None = None
    max_payload: int = _MIB
    max_connections: int = 10_000
    max_control_line: int = 4096
    max_pending: int = 64 * _MIB
    memory_store: int = 256 * _MIB
    file_store: int = 10 * 1024 * _MIB
    write_deadline: int = 10
    ping_interval: int = 10
    authorization_timeout: int = 10


def faults(config: BrokerConfig) -> list[str]:
    """Return one line for each value that nats-server would refuse or misread; none when all are good."""
    texts = {"store_dir": config.store_dir, "server_name": config.server_name, "host": config.host}
    found = [f"{name} is empty" for name, text in texts.items() if not text]
    found += [f"{name} does not print" for name, text in texts.items() if not text.isprintable()]
    if " " in config.server_name:
        found.append("server_name has a space")
    for name, port in (("port", config.port), ("monitor", config.monitor)):
        if port is not None and not 1 <= port <= _LAST_PORT:
            found.append(f"{name} is {port}, must be 1 to {_LAST_PORT}")
    found += _identity_faults(config)
    for name in _POSITIVE:
        if getattr(config, name) < 1:
            found.append(f"{name} is {getattr(config, name)}, must be at least 1")
    return found


def _identity_faults(config: BrokerConfig) -> list[str]:
    """Return what is wrong with how clients are known: by passwords, or by certificates and what is asked of whom."""
    if (files := config.certificates) is None:
        found = ["callout: needs certificates, which say who connects"] if config.callout is not None else []
        for name in ("mesh_password", "system_password"):
            found += _password_faults(name, getattr(config, name))
        return found
    paths = (files.certificate, files.key, files.root)
    found = [f"certificates: {path!r} is no path" for path in paths if not path or not path.isprintable()]
    return found + (config.callout.faults() if config.callout is not None else [])


_POSITIVE: Final = (
    "max_payload",
    "max_connections",
    "max_control_line",
    "max_pending",
    "memory_store",
    "file_store",
    "write_deadline",
    "ping_interval",
    "authorization_timeout",
)


def render(config: BrokerConfig) -> str:
    """Return the text of the configuration file; raise ConfigError with every fault."""
    if found := faults(config):
        raise ConfigError([f"broker configuration: {fault}" for fault in found])
    monitor = "" if config.monitor is None else f'\nhttp: "{config.host}:{config.monitor}"'
    return f"""\
# Written by crossply_registry.broker_config; what is changed here is lost.
server_name: {_quoted(config.server_name)}
host: {_quoted(config.host)}
port: {config.port}{monitor}

max_payload: {config.max_payload}
max_connections: {config.max_connections}
max_control_line: {config.max_control_line}
max_pending: {config.max_pending}
write_deadline: "{config.write_deadline}s"
ping_interval: "{config.ping_interval}s"
ping_max: 2

jetstream {{
  store_dir: {_quoted(config.store_dir)}
  # An acknowledged event is on disk, not in a cache that a power cut takes along.
  sync_interval: always
  max_memory_store: {config.memory_store}
  max_file_store: {config.file_store}
}}

{_users(config) if config.certificates is None else _tls(config.certificates) + _asking(config)}"""


def _users(config: BrokerConfig) -> str:
    return f"""\
accounts {{
  {SYSTEM_ACCOUNT} {{
    users: [ {{ user: {SYSTEM_USER}, password: {_password(config.system_password)} }} ]
  }}
  {MESH_ACCOUNT} {{
    jetstream: enabled
    users: [ {{ user: {MESH_USER}, password: {_password(config.mesh_password)} }} ]
  }}
}}
system_account: {SYSTEM_ACCOUNT}
authorization {{ timeout: {config.authorization_timeout} }}
"""


def _tls(files: Certificates) -> str:
    return f"""\
tls {{
  cert_file: {_quoted(files.certificate)}
  key_file: {_quoted(files.key)}
  ca_file: {_quoted(files.root)}
  # A client without a certificate of this root is refused in the handshake.
  verify: true
  min_version: "1.3"
  timeout: 5
}}
"""


def _asking(config: BrokerConfig) -> str:
    if config.callout is None:
        return ""
    accounts = broker_callout.included() if config.tenants_come else _accounts(config, config.callout, (MESH_ACCOUNT,))
    return accounts + broker_callout.render(
        config.callout,
        system=SYSTEM_ACCOUNT,
        timeout=config.authorization_timeout,
    )


def account(tenant: str) -> str:
    """Return the account that a tenant's connections are placed in."""
    return MESH_ACCOUNT if tenant == DEFAULT_TENANT else f"{MESH_ACCOUNT}_{tenant}"


def render_accounts(config: BrokerConfig, tenants: Sequence[str]) -> str:
    """Return the file of accounts that the configuration of a broker which asks includes."""
    if config.callout is None:
        raise ConfigError(["broker configuration: without callout there is one account, and no file of them"])
    written = "# Written by crossply_registry.broker_config; what is changed here is lost.\n"
    return written + _accounts(config, config.callout, [account(each) for each in tenants])


def _accounts(config: BrokerConfig, callout: Callout, meshes: Sequence[str]) -> str:
    memory, file = config.memory_store, config.file_store
    return broker_callout.accounts(callout, meshes, system=SYSTEM_ACCOUNT, memory=memory, file=file)


def write(config: BrokerConfig, path: Path) -> None:
    """Write the file for its owner's eyes only, whole or not at all; raise ConfigError with every fault."""
    text = render(config)
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)


def url(config: BrokerConfig, host: str | None = None) -> str:
    """Return the address under which clients of the mesh reach the broker, with user and password if it wants them."""
    if config.certificates is not None:
        return f"tls://{host or config.host}:{config.port}"
    secret = config.mesh_password
    password = f"${{{secret.variable}}}" if isinstance(secret, FromEnvironment) else secret
    return f"nats://{MESH_USER}:{password}@{host or config.host}:{config.port}"


def compose_config() -> BrokerConfig:
    """Return what the broker of `docker-compose.yml` runs with; its environment holds the passwords."""
    return BrokerConfig(
        server_name="nats",
        host="0.0.0.0",  # noqa: S104 - inside a container, on the network that compose makes
        monitor=8222,
        store_dir="/data",
        mesh_password=FromEnvironment("CROSSPLY_MESH_PASSWORD"),
        system_password=FromEnvironment("CROSSPLY_SYSTEM_PASSWORD"),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the configuration that the containers' broker mounts."""
    program = "python -m crossply_registry.broker_config"
    parser = argparse.ArgumentParser(prog=program, description=main.__doc__)
    parser.add_argument("--compose", action="store_true", required=True, help="for docker-compose.yml")
    parser.parse_args(arguments)
    sys.stdout.write(render(compose_config()))
    return 0


def _password_faults(name: str, password: Password) -> list[str]:
    if isinstance(password, FromEnvironment):
        right = _VARIABLE.fullmatch(password.variable)
        return [] if right else [f"{name} names the variable {password.variable!r}, must be A-Z, 0-9 and _"]
    if not password:
        return [f"{name} is empty"]
    if _PASSWORD.fullmatch(password):
        return []
    return [f"{name} has other characters than letters, digits and . _ ~ -"]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _password(password: Password) -> str:
    # nats-server reads what the variable holds as if it stood here: digits alone would become a number.
    return f"${password.variable}" if isinstance(password, FromEnvironment) else _quoted(password)


if __name__ == "__main__":
    sys.exit(main())
