"""`python -m crossply_bridge`: a gateway or a sidecar, as CROSSPLY_BRIDGE_MODE says."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from typing import Final

from crossply.errors import ConfigError, Unavailable
from crossply.telemetry import logs
from crossply_bridge.config import BridgeConfig
from crossply_bridge.server import serve

EXIT_UNAVAILABLE: Final = 69


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Run until a signal; return the exit code: 64 for bad configuration, 69 without broker or address."""
    try:
        config = BridgeConfig.from_mapping(environ)
    except ConfigError as error:
        for fault in error.faults:
            print(f"bridge: {fault}", file=sys.stderr)  # noqa: T201 - for the person who starts it
        return error.exit_code
    logs.configure(config.mesh.log_level, config.mesh.log_format)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve(config))
    except Unavailable as error:
        print(f"bridge: {error.message}", file=sys.stderr)  # noqa: T201 - same
        return EXIT_UNAVAILABLE
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loop where it is installed, the standard one otherwise."""
    try:
        import uvloop  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main())
