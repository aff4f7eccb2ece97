"""A bridge process: the mesh on one side, HTTP on the other, and the order in which they begin and end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from importlib import metadata
from typing import Final

from crossply import Mesh
from crossply.clock import monotonic
from crossply.errors import MeshError, Unavailable
from crossply.handler import Handler
from crossply.tasks import Tasks
from crossply.telemetry.logs import get_logger
from crossply_bridge.app_pool import PoolLimits
from crossply_bridge.config import AppConfig, BridgeConfig, ListenAddress
from crossply_bridge.gateway import Gateway
from crossply_bridge.health import HealthWatch, http_probe
from crossply_bridge.http_server import HttpServer
from crossply_bridge.sidecar import endpoints
from crossply_bridge.upstream import Upstream

_log: Final = get_logger("bridge")
