"""The names under which spans and metrics are exported: OpenTelemetry's ``rpc.*`` and ``messaging.*``, and our own.

Those of OpenTelemetry are of its semantic conventions 1.44, where calls are a release candidate and messages are in
development; for NATS it has none. What it has no word for begins with ``mesh.``.
"""

from __future__ import annotations

from typing import Final

SCOPE: Final = "crossply"
"""The instrumentation scope of all spans and metrics."""
SYSTEM: Final = "nats_mesh"
MESSAGING: Final = "nats"

RPC_SYSTEM: Final = "rpc.system.name"
RPC_METHOD: Final = "rpc.method"
RPC_STATUS: Final = "rpc.status_code"
ERROR_TYPE: Final = "error.type"
MESSAGING_SYSTEM: Final = "messaging.system"
MESSAGING_OPERATION: Final = "messaging.operation.name"
MESSAGING_OPERATION_TYPE: Final = "messaging.operation.type"
MESSAGING_DESTINATION: Final = "messaging.destination.name"
MESSAGING_GROUP: Final = "messaging.consumer.group.name"

SOURCE: Final = "mesh.source"
DESTINATION: Final = "mesh.destination"
OUTCOME: Final = "mesh.outcome"
ATTEMPTS: Final = "mesh.attempts"
ATTEMPT: Final = "mesh.attempt"
"""The number of an attempt within its call, from 1."""
CAUSE: Final = "mesh.attempt.cause"
INSTANCE: Final = "mesh.destination.instance"
SUBSET: Final = "mesh.destination.subset"
DELIVERY: Final = "mesh.delivery.attempt"
KEPT: Final = "mesh.sampled"
"""Why a span is here although its trace was not sampled: ``error`` or ``slow``."""
REPORTER: Final = "reporter"

CLIENT_DURATION: Final = "rpc.client.call.duration"
SERVER_DURATION: Final = "rpc.server.call.duration"
PUBLISH_DURATION: Final = "messaging.client.operation.duration"
PROCESS_DURATION: Final = "messaging.process.duration"
CALLS: Final = "mesh.calls"
EVENTS: Final = "mesh.events"
DROPPED: Final = "mesh.telemetry.dropped"
COPIES_DROPPED: Final = "mesh.mirror.dropped"

OTHER: Final = "_other"
"""Stands for every operation beyond the bound on how many are told apart."""
