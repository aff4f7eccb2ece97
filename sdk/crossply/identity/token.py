"""The enrolment token as it is now: a file may be rotated under the process that reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossply.config import MeshConfig
    from crossply.telemetry.logs import Logger


def token(config: MeshConfig, log: Logger) -> str:
    """Return it; empty where there is none, or its file cannot be read, which the log then says."""
    path = config.token_file
    if path is None:
        return config.token
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        log.warning("token_not_read", path=str(path), why=str(error))
        return ""
