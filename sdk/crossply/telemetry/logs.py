"""Logs are events with fields; structlog is loaded when the first one is written."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from crossply.telemetry.log_context import with_trace

if TYPE_CHECKING:
    from collections.abc import Mapping

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
LEVELS = tuple(_LEVELS)
FORMATS = ("console", "json")


def configure(level: str = "info", format: str = "console") -> None:  # noqa: A002 - the setting's name
    """Send this process's logs to stderr: ``console`` for people, ``json`` for machines."""
    import structlog

    renderer: Any = (
        structlog.processors.JSONRenderer()
        if format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR"))
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            with_trace,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def set_level(level: str) -> None:
    """Log at ``level`` from now on, unless somebody else than ``configure`` set up the logs of this process."""
    import structlog

    settings: dict[str, Any] = structlog.get_config()
    if structlog.is_configured() and with_trace in settings["processors"]:
        settings["wrapper_class"] = structlog.make_filtering_bound_logger(_LEVELS[level])
        structlog.configure(**settings)


class Logger:
    """A structlog logger with bound fields, looked up when something is written."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, object]) -> None:
        self._fields = dict(fields)

    def bind(self, **fields: object) -> Logger:
        """Return a logger that adds ``fields`` to each event."""
        return Logger({**self._fields, **fields})

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        import structlog

        if not structlog.is_configured():
            configure()
        try:
            getattr(structlog.get_logger(), level)(event, **{**self._fields, **fields})
        except (OSError, ValueError):
            return  # stderr is closed, or its disk is full: what was to be said must not fail what is done

    def debug(self, event: str, **fields: object) -> None:
        """Write what only a developer of the mesh wants."""
        self._write("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Write a change of state."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Write what an operator should know."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Write what an operator must act on."""
        self._write("error", event, fields)


def get_logger(component: str) -> Logger:
    """Return the logger of a component."""
    return Logger({"component": component})
