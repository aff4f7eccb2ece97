"""Which trace a log line belongs to: a processor for structlog, a filter for the standard library's logging.

structlog.configure(processors=[with_trace, ...])
handler.addFilter(trace_filter)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crossply.context import AMBIENT
from crossply.telemetry.otel_context import current_span

if TYPE_CHECKING:
    import logging
    from collections.abc import MutableMapping


def with_trace(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add ``trace_id`` and ``span_id`` of what is being served to a structlog event, unless it has them."""
    context = _here()
    if context is not None and "trace_id" not in event:
        event["trace_id"], event["span_id"] = context[3:35], context[36:52]
    return event


def trace_filter(record: logging.LogRecord) -> bool:
    """Give a record ``trace_id`` and ``span_id``, empty outside any trace; a filter that lets everything pass."""
    context = _here() or ""
    record.trace_id, record.span_id = context[3:35], context[36:52]
    return True


def _here() -> str | None:
    """Return the trace context of a user's own span, else of the call or event being served."""
    ambient = AMBIENT.get()
    return current_span() or (None if ambient is None else ambient.traceparent)
