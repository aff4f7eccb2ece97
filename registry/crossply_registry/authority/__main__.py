"""``python -m crossply_registry.authority``: read the configuration from the environment and serve."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping

from crossply.errors import ConfigError
from crossply.telemetry import logs
from crossply_registry.authority.config import AuthorityConfig
from crossply_registry.authority.faults import FAULTS, told


def main(environ: Mapping[str, str] | None = None, *, callout: bool = False) -> int:
    """Run the authority, or its ``callout`` alone.

    Return 0 when it was told to stop, 64, 65 or 69 with a message when it cannot run.
    """
    try:
        config = AuthorityConfig.from_mapping(os.environ if environ is None else environ)
    except ConfigError as error:
        return _said(error.exit_code, *error.faults)
    logs.configure(config.log_level, config.log_format)
    from crossply_registry.authority import server  # noqa: PLC0415 - a wrong configuration is told at once

    try:
        asyncio.run(server.answer_brokers(config) if callout else server.serve(config))
    except FAULTS as error:
        return _said(*told(error, config))
    return 0


def _said(code: int, *lines: str) -> int:
    for line in lines:
        sys.stderr.write(f"crossply authority: {line}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
