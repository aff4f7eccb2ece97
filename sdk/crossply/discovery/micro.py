"""NATS micro's answers (ADR-32), so that ``nats micro ls`` and other clients see a service of the mesh."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from crossply.telemetry.recorder import Side

if TYPE_CHECKING:
    from crossply.telemetry.meter import Meter
    from crossply.telemetry.recorder import MemoryRecorder
    from crossply.wire.presence import Hello

_NANOSECONDS = 1_000_000_000


def answer(verb: str, hello: Hello, subjects: dict[str, str], recorder: MemoryRecorder) -> dict[str, Any]:
    """Return the answer to PING, INFO or STATS; ``subjects`` maps each endpoint to where it listens."""
    said: dict[str, Any] = {
        "type": f"io.nats.micro.v1.{verb.lower()}_response",
        "name": hello.service,
        "id": hello.instance,
        "version": hello.version,
        "metadata": {**hello.labels, "crossply.kind": hello.kind},
    }
    if verb == "INFO":
        said["description"] = hello.description
        said["endpoints"] = [
            {
                "name": each.name,
                "subject": subjects[each.name],
                "queue_group": hello.service,
                "metadata": {"idempotent": str(each.idempotent).lower()},
            }
            for each in hello.endpoints
        ]
    elif verb == "STATS":
        started = datetime.fromtimestamp(hello.started, UTC)
        said["started"] = started.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        said["endpoints"] = [
            {
                "name": each.name,
                "subject": subjects[each.name],
                "queue_group": hello.service,
                **_numbers(meter),
            }
            for each in hello.endpoints
            for meter in (recorder.meter(Side.CALLEE, f"{hello.service}.{each.name}"),)
        ]
    return said


def _numbers(meter: Meter) -> dict[str, Any]:
    total = round(meter.seconds * _NANOSECONDS)
    return {
        "num_requests": meter.count,
        "num_errors": meter.failed,
        "last_error": meter.last_failure,
        "processing_time": total,
        "average_processing_time": total // meter.count if meter.count else 0,
    }
