"""Streams, consumers and the bucket: what the registry creates, so that no service needs the rights to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crossply.wire import subjects
from crossply.wire.jetstream import NOT_FOUND, JetStream, JetStreamFault
from crossply.wire.link import StoreUnavailable
from crossply.wire.plans import ConsumerPlan, ConsumerState, RepliesPlan, StreamPlan

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from crossply.wire.auditing import AuditPlan
    from crossply.wire.plans import CredentialsPlan

_NANOSECONDS = 1_000_000_000
_NAME_IN_USE = frozenset({10058, 10148})


class Provisioner:
    """Creates what is missing and leaves alone what is there."""

    def __init__(self, jetstream: JetStream, tenant: str) -> None:
        self._jetstream = jetstream
        self._bucket = subjects.bucket(tenant)
        self._replies = subjects.replies(tenant)
        self._credentials = subjects.credentials(tenant)

    async def ensure_bucket(self, replicas: int = 1) -> None:
        """Create the bucket: file storage, one value a key, follower reads."""
        name = f"KV_{self._bucket}"
        config: dict[str, Any] = {
            "name": name,
            "subjects": [f"$KV.{self._bucket}.>"],
            "storage": "file",
            "num_replicas": replicas,
            "max_msgs_per_subject": 1,
            "discard": "new",
            "allow_direct": True,
            "allow_rollup_hdrs": True,
            "deny_delete": True,
        }
        await self._ensure(f"STREAM.INFO.{name}", f"STREAM.CREATE.{name}", config)

    async def ensure_replies(self, plan: RepliesPlan) -> bool:
        """Create the bucket of kept replies: what is in it goes by its age, or when there is no more room."""
        name = f"KV_{self._replies}"
        config: dict[str, Any] = {
            "name": name,
            "subjects": [f"$KV.{self._replies}.>"],
            "storage": "file",
            "num_replicas": plan.replicas,
            "max_msgs_per_subject": 1,
            "max_age": round(plan.age * _NANOSECONDS),
            "max_bytes": plan.max_bytes,
            "discard": "old",
            "allow_direct": True,
            "deny_delete": True,
        }
        return await self._ensure(f"STREAM.INFO.{name}", f"STREAM.CREATE.{name}", config)

    async def ensure_credentials(self, plan: CredentialsPlan) -> bool:
        """Create the bucket of credentials: each goes by its age, and none before."""
        name = f"KV_{self._credentials}"
        config: dict[str, Any] = {
            "name": name,
            "subjects": [f"$KV.{self._credentials}.>"],
            "storage": "file",
            "num_replicas": plan.replicas,
            "max_msgs_per_subject": 1,
            "max_age": round(plan.age * _NANOSECONDS),
            "discard": "new",
            "allow_direct": True,
            "deny_delete": True,
            "deny_purge": True,
        }
        return await self._ensure(f"STREAM.INFO.{name}", f"STREAM.CREATE.{name}", config)

    async def ensure_audit(self, plan: AuditPlan) -> bool:
        """Create the stream of what instances decided: it never refuses, the oldest go first."""
        config: dict[str, Any] = {
            "name": subjects.AUDIT,
            "subjects": [subjects.AUDITS],
            "storage": "file",
            "retention": "limits",
            "discard": "old",
            "num_replicas": plan.replicas,
            "max_age": round(plan.age * _NANOSECONDS),
            "max_bytes": plan.max_bytes,
            "duplicate_window": 600 * _NANOSECONDS,
            "deny_delete": True,
            "deny_purge": True,
        }
        return await self._ensure(f"STREAM.INFO.{subjects.AUDIT}", f"STREAM.CREATE.{subjects.AUDIT}", config)

    async def ensure_stream(self, plan: StreamPlan) -> bool:
        """Create the stream of a family: nothing in it can be deleted or purged by a service."""
        name = subjects.stream(plan.family)
        config: dict[str, Any] = {
            "name": name,
            "subjects": [subjects.channel(f"{plan.family}.>")],
            "storage": "file",
            "retention": "limits",
            "discard": "new",
            "num_replicas": plan.replicas,
            "max_age": round(plan.retention * _NANOSECONDS),
            "max_bytes": plan.max_bytes,
            "duplicate_window": round(plan.duplicate_window * _NANOSECONDS),
            "deny_delete": True,
            "deny_purge": True,
        }
        return await self._ensure(f"STREAM.INFO.{name}", f"STREAM.CREATE.{name}", config)

    async def ensure_consumer(self, plan: ConsumerPlan) -> bool:
        """Create the durable pull consumer of a service on a pattern; it starts at its creation."""
        stream = subjects.stream(plan.pattern.partition(".")[0])
        name = subjects.durable(plan.service, plan.pattern)
        config: dict[str, Any] = {
            "stream_name": stream,
            "config": {
                "durable_name": name,
                "name": name,
                "filter_subject": subjects.channel(plan.pattern),
                "deliver_policy": "new",
                "ack_policy": "explicit",
                "ack_wait": round(plan.ack_wait * _NANOSECONDS),
                "max_deliver": -1,
                "max_ack_pending": plan.max_ack_pending,
                "replay_policy": "instant",
            },
        }
        create = f"CONSUMER.DURABLE.CREATE.{stream}.{name}"
        return await self._ensure(f"CONSUMER.INFO.{stream}.{name}", create, config)

    async def consumer_state(self, service: str, pattern: str) -> ConsumerState | None:
        """Return how far a consumer is, ``None`` when there is none."""
        stream = subjects.stream(pattern.partition(".")[0])
        said = await self._known(self._jetstream.api(f"CONSUMER.INFO.{stream}.{subjects.durable(service, pattern)}"))
        if said is None:
            return None
        return ConsumerState(
            pending=said["num_pending"],
            ack_pending=said["num_ack_pending"],
            redelivered=said["num_redelivered"],
        )

    async def _ensure(self, info: str, create: str, config: dict[str, Any]) -> bool:
        if await self._known(self._jetstream.api(info)) is not None:
            return False
        try:
            await self._jetstream.api(create, config)
        except JetStreamFault as fault:
            if fault.number in _NAME_IN_USE:
                return False
            raise StoreUnavailable(str(fault)) from fault
        return True

    @staticmethod
    async def _known(asking: Awaitable[dict[str, Any]]) -> dict[str, Any] | None:
        try:
            return await asking
        except JetStreamFault as fault:
            if fault.code == NOT_FOUND:
                return None
            raise StoreUnavailable(str(fault)) from fault
