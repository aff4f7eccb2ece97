"""The registry and the authority in one process: for a mesh that is small enough to have one control plane."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from functools import partial
from typing import Final

from crossply.control.record import RecordFault
from crossply.errors import ConfigError
from crossply.telemetry import logs
from crossply_registry.authority.config import AuthorityConfig
from crossply_registry.authority.faults import FAULTS, told
from crossply_registry.config import RegistryConfig

_BAD_HISTORY: Final = 65


def main(environ: Mapping[str, str] | None = None) -> int:
    """Run both, each by its own part of the configuration; return what either of them alone would.

    The two share a process and nothing else: each has its API, its connection and its identity.
    """
    said = os.environ if environ is None else environ
    try:
        config, authority = RegistryConfig.from_mapping(said), AuthorityConfig.from_mapping(said)
    except ConfigError as error:
        return _said(error.exit_code, *error.faults)
    logs.configure(config.log_level, config.log_format)
    from crossply_registry import http_serving, server  # noqa: PLC0415 - a wrong configuration is told at once
    from crossply_registry.authority import server as authority_server  # noqa: PLC0415 - likewise

    try:
        asyncio.run(http_serving.together(partial(authority_server.serve, authority), partial(server.serve, config)))
    except RecordFault as error:
        return _said(_BAD_HISTORY, f"history in the store is refused: {error}")
    except FAULTS as error:
        return _said(*told(error, authority))
    return 0


def _said(code: int, *lines: str) -> int:
    for line in lines:
        sys.stderr.write(f"crossply registry --authority: {line}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
