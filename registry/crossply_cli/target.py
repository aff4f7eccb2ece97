"""Which mesh a command speaks to: CROSSPLY_*, or the one that runs in this folder or above it."""

from __future__ import annotations

import os
from typing import Final
from urllib.parse import urlsplit

from crossply.config import MeshConfig
from crossply.errors import ConfigError
from crossply.telemetry import logs
from crossply.tls import SCHEME

DEFAULT_REGISTRY: Final = "http://127.0.0.1:8700"
CLIENT: Final = "crossply-cli"
"""The service that commands call as."""
_PATIENCE: Final = "3"


def target() -> MeshConfig:
    """Return where broker and registry are; raise ConfigError with every fault.

    A person waits, so a broker that does not answer is reported after 3 seconds unless the environment says
    otherwise; what the mesh logs goes to stderr, errors only.
    """
    environment = {"CROSSPLY_CONNECT_TIMEOUT": _PATIENCE, "CROSSPLY_LOG_LEVEL": "error", **os.environ}
    config = MeshConfig.from_mapping(environment)
    logs.configure(config.log_level, config.log_format)
    return config


def broker_url(config: MeshConfig) -> str:
    """Return where one who shows a certificate finds the broker."""
    said = config.nats[0]
    return said if said.startswith(SCHEME) else f"{SCHEME}{said.rpartition('//')[2].rpartition('@')[2]}"


def registry_url(config: MeshConfig) -> str:
    """Return where the registry's API is; raise ConfigError for what is no HTTP address."""
    url = config.registry or DEFAULT_REGISTRY
    try:
        parts = urlsplit(url)
        well = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        well = False
    if not well:
        raise ConfigError([f"CROSSPLY_REGISTRY_URL: {url!r} is not an address such as {DEFAULT_REGISTRY}"])
    return url.rstrip("/")


def start_hint(config: MeshConfig, variable: str) -> str:
    """Return what to do when nobody answers: `variable` names who is meant."""
    if config.local is not None:
        return f"{config.local} was left by a mesh that does not run any more; start one with `crossply up`"
    return f"start a mesh with `crossply up`, or set {variable} to one that runs"
