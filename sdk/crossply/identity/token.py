"""The enrolment token of a process, as its configuration says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossply.config import MeshConfig
    from crossply.telemetry.logs import Logger


def token(config: MeshConfig, log: Logger) -> str:
    """Return the token, empty when there is none; a file is read each time, as it may be rotated under us."""
    path = config.token_file
    if path is None:
        return config.token
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        log.warning("token_not_read", path=str(path), why=str(error))
        return ""
